"""Optimization of the pixels of a picture: `stylize` and `deep_dream`."""
