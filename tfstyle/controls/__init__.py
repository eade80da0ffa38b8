"""Controls that all engines share: colors, surfaces, regions."""
