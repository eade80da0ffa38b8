"""Fitting networks to images: the loop and its data."""
