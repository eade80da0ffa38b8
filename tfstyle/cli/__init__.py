"""Command lines: flags, errors and interruption of all programs."""
