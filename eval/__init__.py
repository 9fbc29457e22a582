"""How well anything solves a task: problems in, answers out, measured by digit length. No torch."""
