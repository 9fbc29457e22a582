"""Reasoning over small graphs and rewriting systems."""
