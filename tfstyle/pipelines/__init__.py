"""Pipelines from input files and settings to painted pictures."""
