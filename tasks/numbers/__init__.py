"""Tasks on numbers beyond the four operations."""
