"""Measures of painted pictures, by which models are judged."""
