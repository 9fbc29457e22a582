"""Tasks on strings of digits."""
