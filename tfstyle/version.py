"""The version of tfstyle."""

__version__ = "0.1.0"
