"""What users control in every engine: colors, surfaces, regions."""
