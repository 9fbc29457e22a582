"""The bench: its arithmetic on a clock that is made up, its baselines against oracles, and every part at a tiny size."""

import io
import json
import math
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers.command_line import Call
from helpers.models import scheme_model
from rich.console import Console

from arithgpt.bench import baselines, decoding, generators, memory, start, target, textbook, training
from arithgpt.bench.heads import LoopedGPT
from arithgpt.bench.peak import peak_flops, training_flops
from arithgpt.bench.plan import MODULES, SLOW, Plan, choose_parts, find_part
from arithgpt.bench.report import case_table, to_json
from arithgpt.bench.timing import Case, Side, Spread, measure_in_turns, measure_rate
from arithgpt.config.recipe import Recipe, load_recipe
from arithgpt.errors import UserError

TINY = Plan(repeats=2, seconds=0.001, steps=1, batches=(1, 17), seeds=1, limit=2)
ADD = load_recipe(
    overrides=["model.n_layer=1", "model.n_embd=16", "model.n_head=2", "train.batch_size=4"], options={"task.digits": "1-3"}
)


def silent(what: str) -> None: ...


def is_sound(case: Case) -> None:
    """Positive finite numbers everywhere, a value for each turn, and a table of at most 80 columns."""
    for side in case.sides:
        assert len(side.values) in (TINY.repeats, TINY.seeds)
        for value in (*side.values, *side.also.values(), *vars(case.ratio(side)).values()):
            assert math.isfinite(value)
            assert value > 0
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(case_table(case))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    for side in case.sides:
        assert side.name in text


# the arithmetic of timing


def test_a_rate_is_what_was_done_over_the_time_it_took() -> None:
    times = iter([10.0, 10.3, 10.6, 11.0])
    assert measure_rate(lambda: 5, seconds=1.0, clock=lambda: next(times)) == pytest.approx(15 / 1.0)
    stands_still = iter([3.0, 3.0, 3.0, 3.5])  # a clock too coarse for one call
    assert measure_rate(lambda: 1, seconds=0.0, clock=lambda: next(stands_still)) == pytest.approx(3 / 0.5)


def test_sides_take_turns_and_warming_up_does_not_count() -> None:
    asked: list[str] = []
    values: Iterator[float] = iter(range(1, 100))

    def side(name: str) -> Callable[[], float]:
        def measure() -> float:
            asked.append(name)
            return float(next(values))

        return measure

    measured = measure_in_turns({"a": side("a"), "b": side("b")}, repeats=3)
    assert asked == ["b", "a", "a", "b", "b", "a", "a", "b"]
    assert measured == {"a": [3, 6, 7], "b": [4, 5, 8]}


def test_ratios_are_taken_turn_by_turn() -> None:
    first, other = Side("first", (10.0, 40.0, 30.0)), Side("other", (5.0, 10.0, 30.0))
    faster = Case("part", "name", "things/s", (first, other))
    assert faster.ratio(other) == Spread(2.0, 1.0, 4.0)  # of 2, 4 and 1; the ratio of medians would be 3
    assert faster.ratio(first) == Spread(1.0, 1.0, 1.0)
    cheaper = Case("part", "name", "s", (first, other), more_is_better=False)
    assert cheaper.ratio(other) == Spread(0.5, 0.25, 1.0)
    with pytest.raises(ValueError, match="no values"):
        Spread.of([])


def test_computing_is_counted_by_the_pages() -> None:
    config = ADD.model  # one layer, two heads of width 8
    assert training_flops(100, config, np.array([3, 5])) == 6 * 100 * 8 + 12 * 16 * (9 + 25)
    flops, size = peak_flops(torch.device("cpu"), sizes=(128, 256))
    assert flops > 0
    assert size in (128, 256)


# the baselines


@pytest.mark.parametrize("task", ["add", "sub", "mul", "div", "expr"])
def test_the_textbook_makes_right_problems(task: str) -> None:
    rng = random.Random(1)
    for _ in range(200):
        question, answer = textbook.problem(rng, task, (1, 4))
        value = eval(re.sub("[0-9]+", r"Fraction(\g<0>)", question), {"Fraction": Fraction})
        if task == "div":
            quotient, rest = map(int, answer.split(" r "))
            divisor = int(question.split("/")[1])
            assert 0 <= rest < divisor
            assert quotient + Fraction(rest, divisor) == value
        elif task == "expr":
            places = len(answer.partition(".")[2])
            assert abs(Fraction(answer) - value) <= Fraction(1, 2 * 10**places)
            assert 1 <= sum(map(question.count, "+-*/")) <= 3
        else:
            assert int(answer) == value
        assert all(1 <= len(number) <= 4 for number in re.findall("[0-9]+", question))


def test_the_textbook_writes_sums_as_arithgpt_does() -> None:
    rng, task = random.Random(2), load_recipe().problems
    pages = [textbook.page(rng, "add", (1, 8)) for _ in range(300)]
    for page in pages:
        a, b, c = (number[::-1] for number in re.fullmatch(r"(\d+)\+(\d+)=(\d+)\$", page).groups())
        assert task.pages(task.problems([f"{a}+{b}"])).texts() == [page]
        assert int(a) + int(b) == int(c)
    ours = task.batch(2000, seed=0, split="train", rank=0, step=0).total.mean()
    assert np.mean([len(page) for page in pages]) == pytest.approx(ours, rel=0.05)  # neither has less to learn from


def test_the_textbooks_attention_is_torchs() -> None:
    q, k, v = torch.randn(3, 2, 4, 11, 8, generator=torch.Generator().manual_seed(0))
    later = torch.ones(11, 11, dtype=torch.bool).triu(1)
    fused = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    torch.testing.assert_close(textbook.attend(q, k, v, later), fused, rtol=0, atol=1e-5)


def test_the_textbook_masks_prompt_and_padding() -> None:
    inputs, targets = textbook.batch(["1+2=3$", "12+2=41$"], "0123456789+=$", torch.device("cpu"))
    assert inputs.tolist() == [[1, 10, 2, 11, 3, 12, 12], [1, 2, 10, 2, 11, 4, 1]]
    assert targets.tolist() == [[-1, -1, -1, 3, 12, -1, -1], [-1, -1, -1, -1, 4, 1, 12]]


def test_the_textbook_learns() -> None:
    pages = baselines.SumPages(ADD, seed=0)
    model = textbook.seeded(0, textbook.GPT, baselines.textbook_size(ADD, pages))
    same = textbook.seeded(0, textbook.GPT, baselines.textbook_size(ADD, pages))
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters(), strict=True))
    optimiser, rng = textbook.make_optimiser(model), random.Random(0)
    losses = []
    for _ in range(40):
        drawn = [textbook.page(rng, "add", (1, 3)) for _ in range(32)]
        losses.append(
            float(textbook.train_step(model, optimiser, *textbook.batch(drawn, "0123456789+=$", torch.device("cpu"))))
        )
    assert losses[0] == pytest.approx(math.log(13), abs=0.1)
    assert np.mean(losses[-5:]) < losses[0] - 0.2


def test_the_textbook_writes_what_it_finds_likeliest() -> None:
    model = textbook.seeded(3, textbook.GPT, textbook.Size(n_layer=1, n_head=2, n_embd=16, block_size=12, vocab_size=13))
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    written = textbook.generate(model, ids, 4)
    whole = torch.cat([ids, written], 1)
    assert torch.equal(model(whole)[:, 2:-1].argmax(-1), written)  # causal: read at once it says the same


@pytest.mark.parametrize(("dtype", "most"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_all_heads_at_once_are_the_heads_one_by_one(dtype: torch.dtype, most: float) -> None:
    model = scheme_model("none").to(dtype)
    looped = LoopedGPT(model)
    assert sum(weight.numel() for weight in looped.heads.parameters()) > 0
    for length in (9, 80):  # both ways in which arithgpt attends
        ids = torch.randint(13, (3, length), generator=torch.Generator().manual_seed(length))
        torch.testing.assert_close(looped(ids), model(ids), rtol=0, atol=most)
    with pytest.raises(ValueError, match="must be none"):
        LoopedGPT(scheme_model("page"))


def test_gpt2_is_as_large_and_writes_what_it_finds_likeliest() -> None:
    pytest.importorskip("transformers")
    size = textbook.Size(n_layer=2, n_head=4, n_embd=32, block_size=34, vocab_size=13)
    model = textbook.seeded(0, baselines.gpt2, size)
    assert (
        sum(w.numel() for module in model.modules() for w in baselines.multiplied_weights(module)) == 2 * 12 * 32 * 32 + 13 * 32
    )
    ids = torch.randint(13, (3, 22), generator=torch.Generator().manual_seed(0))
    written = decoding.generate_gpt2(model, ids, 12)
    assert torch.equal(model(torch.cat([ids, written], 1))[:, 21:-1].argmax(-1), written)


# the parts


def test_parts_are_chosen_by_name() -> None:
    assert choose_parts([]) == [name for name in MODULES if name not in SLOW]
    assert choose_parts(["train", "start", "train"]) == ["train", "start"]
    assert all(callable(find_part(name)) for name in MODULES)
    with pytest.raises(UserError, match="bench speed: no such part; there are: generators, train"):
        choose_parts(["start", "speed"])


def test_generators_are_measured() -> None:
    asked = [one for one in generators.WORKLOADS if one.digits != (1, 8)]
    assert {one.task for one in generators.WORKLOADS} == {"add", "sub", "mul", "div", "expr"}
    cases = list(generators.measure(TINY, silent, tuple(asked)))
    assert len(cases) == len(asked)
    for case in cases:
        is_sound(case)
    assert cases[0].name == "add, 20 digits"


def test_training_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arithgpt.bench.peak.CPU_SIZES", (256,))
    arith = load_recipe(task="arith", overrides=["model.n_layer=1", "model.n_embd=24", "model.n_head=2", "train.batch_size=2"])
    add, mixture, loop = training.measure(TINY, silent, {"add": ADD, "arith": arith})
    for case in (add, mixture, loop):
        is_sound(case)
    assert {"arithgpt", training.PLAIN, "textbook"} <= {side.name for side in add.sides}
    assert set(add.sides[0].also) == {"characters/s", "of peak"}
    assert [side.name for side in loop.sides] == ["all heads at once", "heads in a loop"]
    given = baselines.FixedPages(arith, 1)()
    assert given == arith.problems.batch(2, seed=0, split="train", rank=0, step=baselines.WARM_STEPS).texts()


def test_training_that_is_stopped_is_not_measured() -> None:
    class Stops(training.StepClock):
        def on_step(self, progress: object, loss: float) -> None:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        training.measure_arithgpt(ADD, torch.device("cpu"), 10, make_clock=Stops)


def test_decoding_is_measured_and_fair() -> None:
    few, many = decoding.measure(TINY, silent)
    for case in (few, many):
        is_sound(case)
        assert case.about["right"]["arithgpt"] == case.about["at once"]  # so it wrote as many characters as the others
        assert not any("characters" in note for note in case.notes)
    assert "arithgpt on NumPy" in {side.name for side in few.sides}
    assert {"arithgpt", "arithgpt, no verification", "textbook"} <= {side.name for side in many.sides}
    task = load_recipe().problems
    questions = task.questions(decoding.draw_sums(task, 50, seed=1))
    assert len(questions) == 50
    for question in questions:
        a, b = map(int, question.split("+"))
        assert (len(str(a)), len(str(b)), len(str(a + b))) == (10, 10, 11)


def test_reaching_the_target_is_measured() -> None:
    easy = Recipe(task=ADD.task, model=ADD.model, train={"batch_size": 4, "max_steps": 2, "eval_every": 1, "eval_samples": 4})
    seconds, examples = target.measure(TINY, silent, easy)
    is_sound(seconds)
    is_sound(examples)
    assert examples.sides[1].values == (2 * 4,)
    assert [note.partition(",")[0] for note in seconds.notes] == [
        "arithgpt: 1 of 1 seeds did not reach 0.999 in 2 steps",
        "textbook: 1 of 1 seeds did not reach 0.999 in 2 steps",
    ]
    met = Recipe(task=ADD.task, model=ADD.model, train=easy.train.model_copy(update={"target_accuracy": 1e-9, "max_steps": 9}))
    ends = (target.train_arithgpt(met, torch.device("cpu"), silent), target.train_textbook(met, torch.device("cpu"), silent, 9))
    for end in ends:
        assert end.reached == (end.worst >= 1e-9 or end.examples < 9 * 4)


def test_starts_are_measured() -> None:
    (case,) = start.measure(TINY, silent, {"pass": ("-c", "pass"), "arithgpt": ("-c", "import arithgpt")})
    is_sound(case)
    with pytest.raises(UserError, match="ended with status 1: ValueError: no"):
        start.time_command(("-c", "raise ValueError('no')"))


def test_memory_is_that_of_a_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert memory.peak_resident() > 100  # torch is here; and a child does not inherit it
    told = start.run_python(["-c", "from arithgpt.bench.memory import peak_resident; print(peak_resident())"])
    assert 1 < float(told) < memory.peak_resident() / 2
    for what in memory.SIDES:
        for side in memory.SIDES[what]:
            memory.do_work(what, side, "cpu", 0, 3)
    monkeypatch.setattr(memory, "run_python", lambda arguments: "12.5")
    for case in memory.measure(TINY, silent):
        is_sound(case)


def test_the_file_has_every_value_and_what_it_was_measured_with() -> None:
    cases = [Case("start", "name", "s", (Side("a", (1.0, 3.0)), Side("b", (2.0, 4.0))), more_is_better=False, notes=("so",))]
    told = json.loads(to_json(cases, TINY))
    assert {"machine", "device", "cores", "threads", "versions", "commit", "seed", "repeats", "plan", "cases"} == set(told)
    assert told["versions"]["torch"] == torch.__version__
    (case,) = told["cases"]
    assert case["sides"][1]["values"] == [2.0, 4.0]
    assert case["sides"][1]["ratio"] == {"median": pytest.approx(5 / 3), "low": pytest.approx(4 / 3), "high": 2.0}
    assert (case["sides"][0]["median"], case["sides"][0]["ratio"], case["notes"]) == (2.0, None, ["so"])


# the command line


def test_the_command_measures_and_writes(arithgpt: Call, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    done = arithgpt("bench", "generators", "--repeats", "1", "--seconds", "0.001", "--json", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert "generators: mul, 1-4 digits" in done.stdout
    assert max(map(len, done.stdout.splitlines()[1:])) <= 80
    told = json.loads(file.read_text())
    assert len(told["cases"]) == len(generators.WORKLOADS)
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["speed"], "bench speed: no such part; there are: generators, train, decode, start, memory, target"),
        (["start", "--json", "nowhere/x.json"], "--json nowhere/x.json: the folder nowhere does not exist"),
        (["start", "--device", "tpu"], "--device tpu: must be auto, cpu or cuda"),
    ],
)
def test_bad_input_is_one_line(arithgpt: Call, arguments: list[str], said: str) -> None:
    done = arithgpt("bench", *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"arithgpt: {said}\n")


def test_ctrl_c_says_so_and_leaves_no_file(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "arithgpt", "bench", "generators", "--seconds", "5", "--json", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "ratio:" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    rest, complained = process.communicate(timeout=60)
    assert (process.returncode, complained) == (130, "")
    assert rest.strip().splitlines() == [f"stopped: 0 comparisons were done; {file} was not written"]
    assert list(tmp_path.iterdir()) == []
