"""The version of the program, as reports and `--version` say it."""

__version__ = "0.1.0"
