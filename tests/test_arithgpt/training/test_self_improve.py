"""A run that learns from its own answers: what is kept, what each round is, and that it goes on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from arithgpt.cli import app
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.data.pseudo_labels import format_pages, read_pages
from arithgpt.data.source import make_data_source
from arithgpt.errors import UserError
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.run_folder import RunFolder, all_runs, find_run, new_run
from arithgpt.training.callbacks import NullCallback
from arithgpt.training.init_weights import resolve, weights_hash
from arithgpt.training.self_improve import ImproveSettings, keep_answers, self_improve
from arithgpt.training.trainer import Trainer
from eval.solver import Answer
from tasks import find

CPU = torch.device("cpu")
QUICK = {"max_steps": 2, "batch_size": 8, "eval_samples": 2, "eval_every": 50, "checkpoint_every": 2, "stop_early": False}
SETTINGS = ImproveSettings(samples=20, keep="none", steps=3)


def train_base(task: str = "add", **options: object) -> RunFolder:
    plan = Recipe.from_dict({"task": {"name": task} | options, "model": {"n_embd": 16}, "train": QUICK}, "test")
    run = new_run("base", plan)
    Trainer(plan, run, device=CPU, callback=NullCallback()).fit()
    return run


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that adds without the last carry, and says nothing where the first number ends in 7."""

    def solve(self: GPTSolver, task: object, problems: object) -> list[Answer]:
        found = []
        for question in task.questions(problems):
            left, right = map(int, question.split("+"))
            lost = 10 ** max(len(str(left)), len(str(right)))
            answer = None if left % 10 == 7 else str((left + right) % lost)
            found.append(Answer(answer, (answer or "")[::-1], answer is not None))
        return found

    monkeypatch.setattr(GPTSolver, "solve", solve)


def test_what_each_filter_keeps(answers: None) -> None:
    run, task = train_base(digits="1-2"), find("add")(digits="1-2")
    solver = GPTSolver.of(run, verify=False)
    problems = task.problems(["12+34", "99+12", "7+12", "12+17", "90+11", "50+50"])
    found = solver.solve(task, problems)
    is_right = [answer.text == task.answer(question) for answer, question in zip(found, task.questions(problems), strict=True)]
    assert is_right == [True, False, False, True, False, False]

    def kept(keep: str) -> list[int]:
        return keep_answers(solver, problems, found, is_right, keep, np.random.default_rng(0))

    assert kept("check") == [0, 3]
    assert kept("none") == [0, 1, 3, 4, 5]
    assert kept("vote") == [0, 1, 4, 5]  # 17+12 has no answer
    assert kept("length") == [0, 1, 3, 4, 5]


def test_rounds_are_runs_that_learn_what_was_kept_and_go_on(answers: None) -> None:
    run = train_base(digits="1-2")
    before = weights_hash(run.load_model("cpu").state_dict())
    settings = ImproveSettings(samples=20, keep="check", steps=3)
    [first] = self_improve(run, settings, 1, CPU, should_stop=lambda: True)
    assert (first.name, first.digits, first.asked, first.status) == ("base-r1", 3, 20, "interrupted")
    assert first.kept == first.kept_right == first.right > 5
    rounds = list(self_improve(run, settings, 2, CPU))
    assert [(one.name, one.digits, one.status) for one in rounds] == [("base-r1", 3, "finished"), ("base-r2", 4, "finished")]
    one, two = find_run("base-r1"), find_run("base-r2")
    assert (one.recipe.init.run, two.recipe.init.run) == ("base", "base-r1")
    assert one.recipe.init.weights == before == weights_hash(run.load_model("cpu").state_dict())
    task, (pages, _) = run.recipe.problems, read_pages(two.recipe)
    assert len(pages) == rounds[0].kept + rounds[1].kept
    assert sorted(set((pages.prompt - 2).tolist())) == [6, 8]  # two numbers of 3 and of 4 digits
    for text, prompt in zip(pages.texts(), pages.prompt.tolist(), strict=True):
        question = "+".join(number[::-1] for number in text[: prompt - 1].split("+"))
        assert text[prompt:-1][::-1] == task.answer(question)
        assert not task.held_out(task.problems([question]))[0]
    stamp = (one.path / "weights.safetensors").stat().st_mtime_ns
    assert list(self_improve(run, settings, 2, CPU)) == rounds
    assert (one.path / "weights.safetensors").stat().st_mtime_ns == stamp
    with pytest.raises(UserError, match="base-r1: is a round of other weights or with other options"):
        list(self_improve(run, SETTINGS, 2, CPU))


def test_half_of_each_step_are_own_pages() -> None:
    run = train_base(digits="1-2")
    file = run.path / "mine.jsonl"
    file.write_bytes(format_pages([("111+111=", "222"), ("333+333=", "9")]))
    plan = resolve(load_recipe(file=run.path / "recipe.toml", options={"data.pages": str(file), "data.pages_share": 0.25}))
    texts = [make_data_source(plan, CPU).pages(step).texts() for step in range(3)]
    assert all(sorted(step[-2:]) == ["111+111=222$", "333+333=9$"] and len(step) == 8 for step in texts)
    assert plan.identity != run.recipe.identity
    elsewhere = file.rename(run.path / "moved.jsonl")
    moved = plan.model_copy(update={"data": plan.data.model_copy(update={"pages": str(elsewhere)})})
    assert moved.identity == plan.identity
    with pytest.raises(UserError, match="mine.jsonl: cannot be read"):
        make_data_source(plan, CPU)
    elsewhere.write_bytes(format_pages([("1+1=", "2")]))
    with pytest.raises(UserError, match="is not the file the run began with"):
        make_data_source(moved, CPU)


@pytest.mark.parametrize(
    "text", ["", "{}\n", "[1]\n", '{"prompt": "", "written": "1"}\n', '{"prompt": "x", "written": "1"}\n', "\0"]
)
def test_what_is_no_file_of_pages_is_one_clear_line(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    with pytest.raises(UserError, match=r"bad.jsonl: (line 1 is no page|has no pages)"):
        read_pages(load_recipe(task="add", options={"data.pages": str(file)}))


def test_the_same_seed_gives_the_same_rounds(answers: None) -> None:
    run = train_base(digits="1-2")
    weights = []
    for _ in range(2):
        [found] = self_improve(run, SETTINGS, 1, CPU)
        own = find_run(found.name)
        weights.append(weights_hash(own.load_model("cpu").state_dict()))
        for file in own.path.iterdir():
            file.unlink()
        own.path.rmdir()
    assert weights[0] == weights[1]


def test_votes_are_sampled_where_operands_cannot_be_swapped() -> None:
    run = train_base("sub", digits="1-2")
    solver, task = GPTSolver.of(run, verify=False), run.recipe.problems
    problems = task.test(6, (2, 2), seed=0)
    found = solver.solve(task, problems)
    first, again = (keep_answers(solver, problems, found, [False] * 6, "vote", np.random.default_rng(1)) for _ in range(2))
    assert first == again
    assert set(first) <= set(range(6))


def test_the_command_tells_each_round(answers: None) -> None:
    run = train_base(digits="1-2")
    ran = CliRunner().invoke(app, ["improve", "base", "--rounds", "1", "--samples", "30", "--steps", "2", "--keep", "none"])
    assert ran.exit_code == 0, ran.output
    found = json.loads((run.path.parent / "base-r1" / "improve.json").read_text())["result"]
    assert found["asked"] == 30
    assert found["kept"] >= found["kept_right"] > 0
    said = ran.output.splitlines()[1].split()
    assert said == [
        "base-r1",
        "3",
        "30",
        f"{found['right'] / 30:.1%}",
        str(found["kept"]),
        f"{found['kept_right'] / found['kept']:.1%}",
    ]
    assert "arithgpt eval base-r1 --digits 2-4" in ran.output


def test_what_cannot_improve_leaves_nothing_behind() -> None:
    run = train_base(digits="1-2")
    before = len(all_runs())
    with pytest.raises(UserError, match="base-r1: none of 20 answers at 3 digits passed check"):
        list(self_improve(run, ImproveSettings(samples=20, steps=1), 1, CPU))
    assert len(all_runs()) == before
    for arguments, said in [
        (["nothing"], "not found"),
        (["base", "--keep", "best"], "--keep best: must be check, vote, length, none"),
        (["base", "--share", "1"], "--share 1.0: must be above 0 and below 1"),
        (["calculator"], "improve is for one task"),
    ]:
        ran = CliRunner().invoke(app, ["improve", *arguments])
        assert isinstance(ran.exception, UserError)
        assert said in str(ran.exception)
