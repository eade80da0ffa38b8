"""AdaIN models, which paint any style in one pass: layers and inference."""
