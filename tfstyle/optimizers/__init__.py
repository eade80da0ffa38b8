"""Optimizers of a picture: their steps compile, and runs resume bit for bit."""
