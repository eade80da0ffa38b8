"""Paints the frames of a clip so that they fit each other."""
