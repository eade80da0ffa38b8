"""The studio: a page on this machine to paint, mask and watch."""
