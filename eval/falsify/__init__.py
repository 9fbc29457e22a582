"""The search for the smallest problem that a solver gets wrong."""
