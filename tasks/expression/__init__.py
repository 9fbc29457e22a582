"""Whole expressions with parentheses and decimals, reduced row by row."""
