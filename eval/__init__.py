"""How well anything solves a task: problems in, answers out, measured by digit length. No torch.

evaluate, spec              evaluate(solver, tasks, EvalSpec(...)) -> EvalResult
data, result                what was found, and the ways to see it
solver, solvers/            what can be asked
metrics/                    what is computed from the answers
reports/                    how a result is shown: tables, pages, charts
falsify/                    the smallest problem that a solver gets wrong
export/                     problems for other tools
"""
