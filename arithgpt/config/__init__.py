"""Recipes: everything that decides what a run learns."""
