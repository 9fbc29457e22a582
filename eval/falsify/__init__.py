"""Search for the smallest problem that a solver gets wrong, or that breaks another law of arithmetic."""
