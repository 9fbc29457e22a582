"""What is computed from answers."""
