"""Devices, memory, files and progress: what every run needs."""
