"""Moving pictures in files: reads and writes frames, copies the sound."""
