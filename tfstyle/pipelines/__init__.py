"""From named files and settings to painted pictures."""
