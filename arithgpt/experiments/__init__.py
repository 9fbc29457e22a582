"""Experiments of many runs: sweeps over a grid of recipes, and ablations that test whether a change helps.

trial.py            one recipe that is trained as a run of its own
grid.py             a [sweep] table -> trials
vary.py             --vary FIELD=VALUES -> variants of a recipe
ablation.py         variants and seeds -> trials, and the problems that all of them are asked
runner.py           trains trials side by side
sweep_summary.py, ablation_summary.py    figures of the trained trials
sweep_report.py, ablation_report.py      the same as tables and files
"""
