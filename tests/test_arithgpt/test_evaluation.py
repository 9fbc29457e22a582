"""The public evaluate(): a solver by name, a run with its provenance, and a clear line for what does not exist."""

from pathlib import Path

import pytest

from arithgpt import EvalSpec, evaluate
from arithgpt.errors import UserError


def test_a_reference_solver_needs_a_task() -> None:
    result = evaluate("exact", "add", EvalSpec([(8, 8)], ("random",), samples=20))
    assert (result.accuracy, result.trained, result.recipe) == (1, False, "")
    assert result.provenance["versions"].keys() >= {"python", "arithgpt", "numpy"}
    with pytest.raises(UserError, match="task: missing; exact needs"):
        evaluate("exact")
    with pytest.raises(UserError, match="task = 'ad': .*did you mean add"):
        evaluate("exact", "ad")


@pytest.mark.usefixtures("runs")
def test_a_run_comes_with_its_recipe_and_provenance(runs: Path) -> None:
    result = evaluate("small", spec=EvalSpec([(1, 1), (2, 2)], ("random",), samples=20), device="cpu")
    assert result.accuracy > 0.5
    assert len(result.provenance["weights_sha256"]) == 64
    assert 'name = "add"' in result.recipe
    assert result.metrics
    by_folder = evaluate(str(runs / "small"), spec=EvalSpec([(1, 1)], samples=5), name="mine", device="cpu")
    assert by_folder.name == by_folder.provenance["solver"] == "mine"
    with pytest.raises(UserError, match="task = 'mul': run small was trained on add"):
        evaluate("small", "mul")
