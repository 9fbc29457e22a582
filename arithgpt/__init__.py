"""Small GPTs that do arithmetic on a page, trained from nothing. Importing this imports no torch."""

__version__ = "0.1.0"
