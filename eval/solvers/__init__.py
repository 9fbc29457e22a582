"""Solvers that need no model of arithgpt: reference solvers, local language models, models behind an HTTP endpoint."""
