"""The version of this package, which is also what it calls itself in `User-Agent`."""

__version__ = "0.1.0"
