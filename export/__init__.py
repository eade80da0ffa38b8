"""Programs that export a model to other formats: see README.md."""
