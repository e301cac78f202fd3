"""The version, alone in a file: to read it imports nothing."""

__version__ = "0.1.0"
