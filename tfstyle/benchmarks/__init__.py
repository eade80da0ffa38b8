"""Measures of speed and memory, and of the time to a good picture."""
