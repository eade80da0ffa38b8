"""Training of models of any style and of the small feature network."""
