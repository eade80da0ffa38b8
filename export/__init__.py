"""Programs that write a model in other forms: see README.md."""
