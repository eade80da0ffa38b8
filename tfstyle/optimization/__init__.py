"""Pictures whose pixels are optimized: `stylize` and `deep_dream`."""
