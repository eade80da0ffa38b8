"""The page about a run: its losses, settings and pictures."""
