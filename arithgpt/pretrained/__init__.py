"""The calculator that ships: a run's folder with its recipe and weights.

It was trained by runs/calculator/calculator.toml and then runs/calculator/calculator-more.toml.
"""
