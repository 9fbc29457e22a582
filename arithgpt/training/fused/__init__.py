"""A hand-written training step for CPUs."""
