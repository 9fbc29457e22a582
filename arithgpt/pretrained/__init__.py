"""The calculator that ships: a run's folder with its recipe and weights, trained by runs/calculator.toml."""
