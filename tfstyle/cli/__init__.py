"""Command line interface: flags, errors and interruption of all programs."""
