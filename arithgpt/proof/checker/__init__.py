"""Verify certificates. Shares no code with the prover, the models or the tasks."""
