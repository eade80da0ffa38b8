"""Optimization of the pixels of a picture: `stylize`."""
