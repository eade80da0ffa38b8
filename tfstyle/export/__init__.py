"""Models for servers and devices: SavedModel, LiteRT, ONNX."""
