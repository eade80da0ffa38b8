"""What every run needs of the machine: devices, memory, files, progress."""
