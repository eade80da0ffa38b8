"""What is minimized: the loss of a picture, as weighted terms with targets."""
