"""The public API: a run trained, loaded, asked and measured from Python, and names that are imported when they are used."""

import inspect
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import arithgpt
from arithgpt.inference.numpy_gpt import NumpyGPT
from arithgpt.run_folder import find_run, new_run

TINY = {"train.max_steps": 2, "train.eval_samples": 2, "train.batch_size": 4, "model.n_embd": 16, "model.n_head": 2}


@pytest.fixture(scope="module")
def calculator() -> arithgpt.Run:
    return arithgpt.load()


def test_a_run_is_trained_and_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    run = arithgpt.train("add", digits="2", options=TINY, name="mine", device="cpu")
    shown = capsys.readouterr().out
    assert "addition of two natural numbers, 2-2 digits" in shown
    assert f'run.ask("{run.recipe.problems.example}")' in shown
    assert run.recipe.problems.size_span == (2, 2)
    assert find_run("mine").recipe == run.recipe
    loaded = arithgpt.load("mine")
    assert loaded.path == run.path
    assert loaded.model(torch.zeros(1, 3, dtype=torch.long)).shape == (1, 3, len(run.recipe.alphabet))
    assert all(torch.equal(a, b) for a, b in zip(run.model.parameters(), loaded.model.parameters(), strict=True))
    assert isinstance(arithgpt.load("mine", device="numpy").model, NumpyGPT)
    again = arithgpt.train(recipe=run.recipe, steps=1, seed=1, name="again", device="cpu", quiet=True)
    assert (again.recipe.seed, again.recipe.train.max_steps, again.recipe.problems) == (1, 1, run.recipe.problems)
    assert capsys.readouterr().out == ""
    assert run.history.step.max() == 2


def test_a_number_of_digits_is_exactly_that() -> None:
    assert arithgpt.train("add", digits=3, options=TINY, device="cpu", quiet=True).recipe.problems.size_span == (3, 3)


def test_runs_begun_at_once_without_a_name_get_different_ones(calculator: arithgpt.Run) -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: new_run(None, calculator.recipe), range(32)))
    assert len({folder.path for folder in folders}) == 32


def test_a_run_of_a_task_that_is_not_imported_is_not_loaded(calculator: arithgpt.Run) -> None:
    folder = new_run("outside", calculator.recipe).path
    (folder / "weights.safetensors").write_bytes(b"")
    (folder / "recipe.toml").write_text('[task]\nname = "maximum"\n')
    with pytest.raises(arithgpt.UserError, match="run outside: import the Python file that defines its task first"):
        arithgpt.load("outside")


def test_a_run_answers_and_its_model_decides(calculator: arithgpt.Run) -> None:
    answer = calculator.ask("123*45")
    assert (answer.answer, answer.correct, answer.fault) == (str(123 * 45), True, None)
    assert calculator.ask("22/7", decimals=3).answer == "3.143"
    changed = arithgpt.load()
    with torch.no_grad():
        for weight in changed.model.parameters():
            weight.zero_()
    assert not changed.ask("123*45").correct


def test_prompts_are_continued_as_pages(calculator: arithgpt.Run) -> None:
    prompts = [f"{str(a)[::-1]}+{str(b)[::-1]}=" for a, b in [(12, 34), (999, 1), (5, 678)]]
    assert [text[::-1] for text in calculator.generate(prompts)] == ["46", "1000", "683"]
    assert calculator.generate(prompts[:1], 1) == ["6"]
    assert calculator.generate([]) == []
    drawn = [calculator.generate(["1+1="], 8, temperature=50, seed=seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_run_is_measured(calculator: arithgpt.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    result = calculator.evaluate(digits="1-3", samples=20, task="add", suites=["random"])
    rows = result.to_pandas()
    assert result.table.digits.tolist() == ["1", "2", "3"]
    assert result.table.n.sum() == len(rows) == 60
    assert (rows.outcome == "right").equals(rows.question.map(lambda text: str(sum(map(int, text.split("+"))))) == rows.answer)
    assert result.accuracy == (rows.outcome == "right").mean()
    assert "exact match by digit length" in repr(result)
    monkeypatch.setenv("FORCE_COLOR", "1")  # a notebook shows colours too
    assert "\x1b" not in repr(result)
    assert result._repr_html_().count("<tr") == 4
    assert calculator.evaluate(digits=2, samples=5, task="mul", suites=["random"]).table.digits.tolist() == ["2"]


def test_a_result_and_attention_are_drawn(calculator: arithgpt.Run, tmp_path) -> None:
    pytest.importorskip("matplotlib")
    calculator.evaluate(digits="1-2", samples=5, task="add", suites=["random"]).plot().save(tmp_path / "accuracy.png")
    attention = calculator.attention("12+34")
    assert attention.page.startswith("21+43=64")
    assert "'question': '12+34'" in repr(attention)
    assert len(repr(attention)) < 200
    assert len(attention.to_pandas()) == len(attention.heads)
    distances = set(", ".join(attention.to_pandas()["attends to"]).split(", "))
    assert "place 0" in distances
    assert not {distance for distance in distances if distance.endswith("+0")}
    np.testing.assert_allclose(attention.weights(0, 0).sum(-1), 1, rtol=1e-5)
    attention.plot([(0, 1)]).save(tmp_path / "attention.png")
    for file in tmp_path.iterdir():
        assert file.read_bytes().startswith(b"\x89PNG")


def test_a_run_says_what_it_is(calculator: arithgpt.Run) -> None:
    assert repr(calculator).startswith("<Run calculator: ")
    assert f"{sum(weight.numel() for weight in calculator.model.parameters()):,} parameters" in repr(calculator)
    assert calculator.proof is None


def test_a_run_of_a_text_writes_and_answers_nothing(tmp_path) -> None:
    text = tmp_path / "book.txt"
    text.write_text("to be or not to be " * 200)
    options = {"task.path": str(text), "task.context": 16, "train.max_steps": 2, "train.batch_size": 4, "model.n_embd": 16}
    run = arithgpt.train("text", options=options, name="book", device="cpu", quiet=True)
    [written] = run.generate(["to be"], 30)
    assert len(written) == 30
    assert set(written) <= set("to be or not to be ")
    for call in (run.evaluate, lambda: run.ask("1+1"), lambda: run.tokenizer):
        with pytest.raises(arithgpt.UserError, match="run book learned a text"):
            call()


BAD: dict[str, Callable[[], object]] = {
    "model.n_layers: no such field": lambda: arithgpt.train("add", options={"model.n_layers": 3}),
    "options = .*: must be a dict": lambda: arithgpt.train("add", options=[3]),  # type: ignore[arg-type]
    "task = 'ad': no such task; did you mean add": lambda: arithgpt.train("ad"),
    "task = 3: must be a text": lambda: arithgpt.train(3),  # type: ignore[arg-type]
    r"digits = \[1\]: must be lengths such as": lambda: arithgpt.train("add", digits=[1]),  # type: ignore[arg-type]
    "digits = '0-3': a range goes from": lambda: arithgpt.train("add", digits="0-3"),
    "steps = 'x': input should be": lambda: arithgpt.train("add", steps="x"),  # type: ignore[arg-type]
    "steps = True: must be a number": lambda: arithgpt.train("add", steps=True),
    "recipe: 1: must be the name of a field": lambda: arithgpt.load().recipe.with_fields({1: 2}),  # type: ignore[dict-item]
    "seed = -1: input should be": lambda: arithgpt.train("add", seed=-1),
    "name = 5: must be a text": lambda: arithgpt.train("add", name=5),  # type: ignore[arg-type]
    "device = 'x': must be auto": lambda: arithgpt.train("add", device="x"),
    "device = 'y': must be auto": lambda: arithgpt.load(device="y"),
    "device = 'w': must be auto, numpy": lambda: arithgpt.Calculator(device="w"),
    "precision = 'x': must be auto": lambda: arithgpt.train("add", precision="x"),
    "name = 'a/b': must be letters": lambda: arithgpt.train("add", name="a/b"),
    "recipe = 'no-such': no such file": lambda: arithgpt.train(recipe="no-such"),
    "decimals = 99: must be a whole number from 0 to 30": lambda: arithgpt.load().ask("1/3", decimals=99),
    "decimals = 'x': must be a whole": lambda: arithgpt.load().ask("1/3", decimals="x"),  # type: ignore[arg-type]
    "run = 5: must be the name or folder of a run": lambda: arithgpt.Calculator(5),  # type: ignore[arg-type]
    "expression = 5: must be a text": lambda: arithgpt.Calculator()(5),  # type: ignore[arg-type]
    "expressions = 5: must be a list of texts": lambda: arithgpt.Calculator().answer_all(5),  # type: ignore[arg-type]
    r"expressions = '1\+2': must be a list of texts": lambda: arithgpt.Calculator().answer_all("1+2"),
    "solver = 5: must be a text": lambda: arithgpt.evaluate(5),  # type: ignore[arg-type]
    "spec = 5: must be EvalSpec": lambda: arithgpt.evaluate("exact", "add", 5),  # type: ignore[arg-type]
    "task: missing; exact needs one of": lambda: arithgpt.evaluate("exact"),
    r"options = \{1: 2\}: must be a dict": lambda: arithgpt.train("add", options={1: 2}),  # type: ignore[dict-item]
    "callback = 5: must be Callback": lambda: arithgpt.train("add", callback=5),  # type: ignore[arg-type]
    "task path has no operands": lambda: arithgpt.train("path", digits=3),
    "digits = 5: task path has no operands": lambda: arithgpt.train("path", digits=5),
    "digits = '3-1': a range goes": lambda: arithgpt.train("arith", digits="3-1"),
    "digits = '2-1': a range goes": lambda: arithgpt.train(recipe=arithgpt.load().recipe, digits="2-1"),
    r"heads = \[\]: must be pairs": lambda: arithgpt.load().attention("1+2").plot([]),
    r"heads = \[\(9, 9\)\]: must be pairs": lambda: arithgpt.load().attention("1+2").plot([(9, 9)]),
    "layer = 9, head = 9: must be": lambda: arithgpt.load().attention("1+2").weights(9, 9),
    "recipe = 5: must be Recipe, a path": lambda: arithgpt.train(recipe=5),  # type: ignore[arg-type]
    "task = 'mul': the recipe is for task 'arith'": lambda: arithgpt.train("mul", recipe=arithgpt.load().recipe),
    "prompts = 5: must be a list of texts": lambda: arithgpt.load().generate(5),  # type: ignore[arg-type]
    "top_k = 2.5: must be a whole number": lambda: arithgpt.load().generate(["1+"], top_k=2.5),  # type: ignore[arg-type]
    "suites = 5: must be a list of texts": lambda: arithgpt.load().evaluate(suites=5),  # type: ignore[arg-type]
    "question = 5: must be a text": lambda: arithgpt.load().attention(5),  # type: ignore[arg-type]
    "attention is recorded with torch only": lambda: arithgpt.load(device="numpy").attention("1+2"),
    "run 'nope': not found": lambda: arithgpt.load("nope"),
    "digits = 'x': must be lengths": lambda: arithgpt.load().evaluate(digits="x"),
    "samples = 0: must be a whole number from 1 on": lambda: arithgpt.load().evaluate(samples=0),
    "samples = 2.5: must be a whole number": lambda: arithgpt.load().evaluate(samples=2.5),  # type: ignore[arg-type]
    "task = 'gcd': run calculator was trained on": lambda: arithgpt.load().evaluate(task="gcd"),
    "suite 'x': task add has": lambda: arithgpt.load().evaluate(task="add", suites=["x"]),
    "suites = 'random': must be a list": lambda: arithgpt.load().evaluate(suites="random"),
    "prompts = '1[+]1=': must be a list": lambda: arithgpt.load().generate("1+1="),
    "prompts: is empty": lambda: arithgpt.load().generate([""]),
    "prompts: character '€', number 1": lambda: arithgpt.load().generate(["€"]),
    "temperature = -1, top_k = None": lambda: arithgpt.load().generate(["1+1="], temperature=-1),
    "max_new_tokens = 0: must be a whole": lambda: arithgpt.load().generate(["1+1="], 0),
    "question = 6: must be a text": lambda: arithgpt.load().ask(6),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("message", BAD)
def test_a_bad_argument_is_one_clear_line(message: str) -> None:
    with pytest.raises(arithgpt.UserError, match=message) as caught:
        BAD[message]()
    assert "\n" not in str(caught.value)
    assert " --" not in f" {caught.value}"


def test_a_question_that_cannot_be_read_is_named(calculator: arithgpt.Run) -> None:
    for call in (calculator.ask, calculator.attention):
        with pytest.raises(arithgpt.QuestionError, match="expected a number"):
            call("12+")


def test_digits_of_a_mixture_are_those_of_each_part() -> None:
    run = arithgpt.train("arith", digits="1-2", options=TINY, device="cpu", quiet=True)
    assert {name: str(part.digits) for name, part in run.recipe.problems.subtasks.items()} == dict.fromkeys(
        ("add", "sub", "mul", "div"), "1-2"
    )
    stream = arithgpt.ProblemStream("arith", digits="1-2")
    assert [*stream.task.subtasks] == [*run.recipe.problems.subtasks]
    assert {part.digits for part in stream.task.subtasks.values()} == {"1-2"}


def test_names_are_imported_when_they_are_used() -> None:
    code = "import sys, arithgpt; assert 'torch' not in sys.modules; assert set(arithgpt.__all__) == set(arithgpt._MODULES)"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = arithgpt.nothing


def test_tab_completes_every_public_name() -> None:
    code = "import sys, arithgpt; print(*dir(arithgpt)); assert 'torch' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert {*arithgpt.__all__, "__version__"} <= {*done.stdout.split()}


def test_every_public_name_is_there_typed_and_described() -> None:
    for name in arithgpt.__all__:
        value = getattr(arithgpt, name)
        assert inspect.getdoc(value), name
        members = [value] if inspect.isfunction(value) else [m for key, m in vars(value).items() if key[0] != "_"]
        for member in filter(inspect.isfunction, members):
            hints = {*inspect.get_annotations(member)}
            assert {*inspect.signature(member).parameters, "return"} - {"self"} <= hints, (name, member)
            assert inspect.getdoc(member), (name, member)
