"""The model of any style (AdaIN): layers, tiles, inference."""
