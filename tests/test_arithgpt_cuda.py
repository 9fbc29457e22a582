"""What is done for a GPU, as far as it can be held to what it stands for without one; what needs one is skipped."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ALPHABET, SMALL, Silent, random_model
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from arithgpt.config.recipe import ModelConfig, Recipe
from arithgpt.data.collate import IGNORED, narrow, padded, padding, prefetched, rounded_up
from arithgpt.data.tokenizer import Tokenizer
from arithgpt.errors import UserError
from arithgpt.inference import generate as decode
from arithgpt.inference import verify_greedy as drafts
from arithgpt.inference.generate import complete
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.inference.verify_greedy import complete_drafts
from arithgpt.models.architectures import first_weights, make_model, recordable
from arithgpt.models.arrays import ops
from arithgpt.models.gpt import GPT
from arithgpt.models.positions import SCHEMES
from arithgpt.run import Run, new_run, shipped_run
from arithgpt.runtime import resolve_precision
from arithgpt.training import cuda_graphs as cuda
from arithgpt.training.cuda_graphs import Recording, Step, fast, recorder
from arithgpt.training.optim import orthogonal
from arithgpt.training.trainer import Trainer
from tasks.core.ragged import Ragged

CPU = torch.device("cpu")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
FEW = {"steps": 20, "batch_size": 16, "eval_samples": 2}
ADD = Recipe.from_dict(SMALL | {"train": FEW, "model": {"n_layer": 1, "n_embd": 16, "n_head": 2}}, "test")


# bf16: what is rounded, and what is not


@pytest.fixture(scope="module")
def calculator() -> tuple[GPT, GPT]:
    """The calculator that ships, in float32 and with bf16 products."""
    run = shipped_run()
    model = run.load_model("cpu")
    return model, make_model(run.recipe.model, run.recipe.alphabet, model.weights, "bf16")


def long_pages() -> tuple[Tensor, Tensor]:
    """Pages of some 300 characters: products, quotients, sums of 98 digits, a whole expression."""
    task = shipped_run().recipe.problems
    questions = ["123456789*987654321", "98765432109/4321", f"{'9876543' * 14}+{'1234567' * 14}", "(12+34)*5-6/2", "7.5/1.2"]
    parts = [task.subtasks[name] for name in ("mul", "div", "add", "expr", "expr")]
    pages = [part.pages(part.problems([question])) for part, question in zip(parts, questions, strict=True)]
    texts = Ragged.from_strings([page.texts()[0] for page in pages])
    ids = torch.from_numpy(Tokenizer(task.alphabet).encode(texts.values))
    prompts = np.array([int(page.prompt[0]) for page in pages])
    at = np.arange(1, ids.shape[1])
    asked = (at >= prompts[:, None]) & (at < texts.lengths[:, None])
    assert texts.lengths.max() >= 290
    return ids[:, :-1], torch.where(torch.from_numpy(asked), ids[:, 1:], IGNORED)


def test_the_calculator_writes_the_same_in_bf16(calculator: tuple[GPT, GPT]) -> None:
    exact, rounded = calculator
    inputs, targets = long_pages()
    asked = targets != IGNORED
    with torch.inference_mode():
        logits, others = exact(inputs)[asked], rounded(inputs)[asked]
    assert others.dtype == torch.float32
    off = (others - logits).abs()
    assert 1e-4 < off.max() < 1.0  # it is rounded, and by less than decides
    assert torch.equal(others.argmax(-1), logits.argmax(-1))
    assert (logits.argmax(-1) == targets[asked]).float().mean() > 0.99


def test_where_heads_look_is_computed_in_float32(calculator: tuple[GPT, GPT]) -> None:
    """No part of the position schemes sees a bf16 number: with equal queries and keys attention is equal to the bit."""
    exact, _ = calculator
    inputs, _ = long_pages()
    seen: list[tuple[Tensor, ...]] = []

    class Watched(type(exact.scheme)):  # type: ignore[misc]
        def widen(self, block: dict[str, Tensor], q: Tensor, k: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
            wide = super().widen(block, q, k, cells)
            seen.append((cells, *(part[..., q.shape[-1] :] for part in wide), q, k, *wide))
            return wide

    for model in calculator:
        scheme, model.scheme = model.scheme, Watched()
        with torch.inference_mode():
            model(inputs)
        model.scheme = scheme
    n = len(exact.blocks)
    for one, other in zip(seen[:n], seen[n:], strict=True):
        assert all(part.dtype == torch.float32 for part in (*one, *other))
        assert all(torch.equal(a, b) for a, b in zip(one[:3], other[:3], strict=True))  # cells and their features
    assert not torch.equal(seen[n][3], seen[0][3])  # and the content is rounded


def test_folded_kernels_bear_the_arithmetic_of_fused_attention(calculator: tuple[GPT, GPT]) -> None:
    """Factors split into two of TF32 without the product of the smaller parts, at the far end of long pages; plain TF32 would
    destroy them."""
    model, inputs, n_queries = calculator[0], long_pages()[0][:3], 24

    def tf32(x: Tensor) -> Tensor:
        """Rounded to 11 significant bits."""
        mantissa, exponent = torch.frexp(x)
        return torch.ldexp((mantissa * 2**11).round() / 2**11, exponent)

    def product(q: Tensor, k: Tensor, parts: int) -> Tensor:
        big_q, big_k = tf32(q), tf32(k)
        scores = big_q @ big_k.mT
        return scores + tf32(q - big_q) @ big_k.mT + big_q @ tf32(k - big_k).mT if parts == 3 else scores

    worst = {1: 0.0, 3: 0.0}
    for block, n_head in zip(model.blocks, model.config.heads, strict=True):
        cells = model.coordinates(inputs, model.coordinates.first(len(inputs)))
        cells = torch.cat([cells[:, :1], cells], 1)
        nothing = torch.zeros(len(inputs), n_head, cells.shape[1] - 1, model.config.head_size)
        with torch.inference_mode():
            q, k = model.scheme.widen(block, nothing, nothing, cells)
            hidden = torch.full((q.shape[2], q.shape[2]), -torch.inf).triu(1)[-n_queries:]
            q = q[:, :, -n_queries:] * model.config.head_size**-0.5
            exact = (q.double() @ k.double().mT + hidden).softmax(-1)
            for parts in worst:
                off = ((product(q, k, parts) + hidden).softmax(-1) - exact).abs().max()
                worst[parts] = max(worst[parts], float(off))
    assert worst[3] < 0.02
    assert worst[1] > 0.2


def test_products_alone_are_rounded() -> None:
    x, weight = torch.randn(2, 5, 16, generator=torch.Generator().manual_seed(0)), torch.randn(8, 16)
    product = ops(x).product
    assert torch.equal(product(x, weight), x @ weight.T)
    rounded = product(x, weight, "bf16")
    assert rounded.dtype == torch.float32
    assert torch.equal(rounded, rounded.bfloat16().float())
    assert torch.allclose(rounded, x @ weight.T, atol=0.1)
    with pytest.raises(ValueError, match="NumPy has no such numbers"):
        ops(x.numpy()).product(x.numpy(), weight.numpy(), "bf16")


def test_training_in_bf16_learns_and_says_so() -> None:
    """In float32 and in bf16 the loss falls alike; weights, optimisers and looks are float32 in both."""
    losses, weights = {}, {}
    plan = Recipe.from_dict(SMALL | {"train": FEW}, "test")
    for precision in ("float32", "bf16", None):
        run = new_run(None, plan)
        Trainer(plan, run, device=CPU, callback=Silent(), precision=precision).fit()
        losses[precision] = [entry["loss"] for entry in run.metrics() if "loss" in entry]
        assert json.loads((run.path / "run.json").read_text())["precision"] == (precision or "float32")
        weights[precision] = run.load_model("cpu").weights
        assert all(weight.dtype == torch.float32 for weight in weights[precision].values())
    assert losses[None] == losses["float32"]
    assert all(torch.equal(weight, weights["float32"][name]) for name, weight in weights[None].items())
    assert losses["bf16"] != losses["float32"]
    assert losses["bf16"] == pytest.approx(losses["float32"], abs=0.1)


def test_the_device_decides_and_the_option_can_turn_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = torch.device("cuda")
    assert resolve_precision("auto", CPU) == resolve_precision("float32", CPU) == resolve_precision("float32", gpu) == "float32"
    for has_units in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, units=has_units: units)
        assert resolve_precision("auto", gpu) == ("bf16" if has_units else "float32")
    with pytest.raises(UserError, match="no units"):
        resolve_precision("bf16", gpu)
    with pytest.raises(UserError, match="on a CPU all is float32"):
        resolve_precision("bf16", CPU)
    with pytest.raises(UserError, match="must be auto, float32 or bf16"):
        resolve_precision("fp8", CPU)


def test_the_command_line_takes_a_precision(arithgpt: Callable, tmp_path: Path) -> None:
    refused = arithgpt("train", "--precision", "bf16", "--device", "cpu", "--name", "no")
    assert refused.returncode != 0
    assert refused.stderr == "arithgpt: --precision bf16: is for a GPU; on a CPU all is float32\n"
    assert not (tmp_path / "runs" / "no").exists()


def test_muon_bears_bf16() -> None:
    matrices = torch.randn(3, 24, 8, generator=torch.Generator().manual_seed(0))
    rounded = orthogonal(matrices, precision="bf16")
    assert rounded.dtype == torch.float32
    assert torch.allclose(rounded, orthogonal(matrices), atol=0.05)


# recording


def pretend(calls: list[str], broken: str = "") -> cuda.Recorder:
    """A recorder for a CPU: to replay is to compute again, into the same memory."""

    def record(step: Step, tensors: Sequence[Tensor]) -> Recording:
        calls.append("record")
        if broken == "record":
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        inputs = tuple(tensor.clone() for tensor in tensors)
        outputs = step(*inputs)

        def replay() -> None:
            calls.append("replay")
            for own, new in zip(outputs, step(*inputs), strict=True):
                own.copy_(new + (1 if broken == "replay" else 0))

        return Recording(inputs, outputs, replay)

    return record


def steps_of(plan: Recipe, n: int, gradients: Callable[[Step], Step] | None = None) -> list[Tensor]:
    """All weights after n steps, padded as for a GPU."""
    trainer = Trainer(plan, new_run(None, plan), device=CPU)
    if gradients is not None:
        trainer.gradients = gradients(trainer._gradients)
    for step in range(n):
        [batch] = trainer.make_batch(step)
        trainer.learn(step, [padded(batch)])
    return list(trainer.weights.values())


def test_a_recorded_step_learns_what_the_plain_one_learns(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[str] = []
    plain = steps_of(ADD, 8)
    replayed = steps_of(ADD, 8, lambda step: fast(step, pretend(calls)))
    assert all(torch.equal(a, b) for a, b in zip(plain, replayed, strict=True))
    assert calls.count("record") == 1
    assert calls.count("replay") >= 7 - cuda.RECORD_AT
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("broken", ["record", "replay"])
def test_where_recording_fails_one_line_says_so(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[str] = []
    plain = steps_of(ADD, 6)
    others = steps_of(ADD, 6, lambda step: fast(step, pretend(calls, broken)))
    assert all(torch.equal(a, b) for a, b in zip(plain, others, strict=True))
    assert calls.count("record") == 1
    said = capsys.readouterr().err.splitlines()
    why = "operation not permitted" if broken == "record" else "was off by"
    assert len(said) == 1
    assert said[0].startswith("arithgpt: steps are not recorded on this GPU, which is slower: ")
    assert why in said[0]


def test_only_shapes_that_come_often_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(cuda, "MOST", 2)
    step = fast(lambda x: (x * 2,), pretend(calls))
    for n in (1, 2, 3, 4):
        for _ in range(n + 1):
            assert torch.equal(step(torch.ones(n))[0], torch.full((n,), 2.0))
    assert calls.count("record") == 2  # of 2 and 3; 1 came twice only, and for 4 there was no room


@pytest.fixture(scope="module")
def trainer(tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    return Trainer(ADD, Run(tmp_path_factory.mktemp("trainer")), device=CPU)


class Traffic(TorchDispatchMode):
    """Notes what goes from the CPU to the device: every operation that is given tensors of both."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[str] = []

    def __torch_dispatch__(self, func: object, types: object, args: tuple = (), kwargs: dict | None = None) -> object:
        made = func(*args, **(kwargs or {}))
        leaves = [leaf for leaf in torch.utils._pytree.tree_leaves((args, kwargs, made)) if isinstance(leaf, Tensor)]
        on_cpu = [leaf for leaf in leaves if leaf.device.type == "cpu" and leaf.dim()]
        if on_cpu and len(on_cpu) < len(leaves):
            self.sent.append(str(func))
        return made


@pytest.mark.parametrize("positions", SCHEMES)
def test_a_step_that_can_be_recorded_sends_and_reads_nothing(positions: str, trainer: Trainer) -> None:
    """On torch's device without memory, from which nothing can be read: the schemes that say so, and no others."""
    config = ModelConfig(n_layer=2, n_head=2, n_embd=16, positions=positions)
    first = first_weights(config, ADD.alphabet, 0)
    trainer.weights = {name: torch.from_numpy(weight).to("meta").requires_grad_() for name, weight in first.items()}
    trainer.learner = make_model(config, ADD.alphabet, trainer.weights, "bf16")
    inputs, targets = (torch.zeros(4, 16, dtype=torch.long, device="meta") for _ in range(2))
    traffic = Traffic()
    try:
        with traffic:
            _, *gradients = trainer._gradients(inputs, targets, torch.zeros((), device="meta"), rng=np.random.default_rng(0))
            clean = not traffic.sent
            assert len(gradients) == len(trainer.weights)
    except (RuntimeError, NotImplementedError):  # a number was read
        clean = False
    assert clean == recordable(config), traffic.sent


@needs_gpu
@pytest.mark.parametrize("positions", ["page", "expression_page", "none", "fire"])
def test_a_gpu_records_what_it_computes(positions: str, capsys: pytest.CaptureFixture[str]) -> None:
    gpu = torch.device("cuda")
    plan = ADD.model_copy(update={"model": ADD.model.model_copy(update={"positions": positions})})
    weights = []
    for is_fast in (False, True):
        trainer = Trainer(plan, new_run(None, plan), gpu, precision="float32")
        trainer.gradients = fast(trainer._gradients, recorder()) if is_fast else trainer._gradients
        for step, batch in zip(range(8), prefetched(trainer.make_batch, range(8), gpu, makers=3), strict=True):
            trainer.learn(step, batch)
        weights.append(list(trainer.weights.values()))
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*weights, strict=True))
    assert capsys.readouterr().err == ""


@needs_gpu
def test_a_gpu_trains_and_answers() -> None:
    plan = Recipe.from_dict(SMALL, "test")
    run = new_run(None, plan)
    Trainer(plan, run, device=torch.device("cuda"), callback=Silent()).fit()
    problems = plan.problems.sample(np.random.default_rng(0), 500)
    written = [
        [answer.written for answer in GPTSolver.of(run, where, drafts=drafted).solve(plan.problems, problems)]
        for where in ("cpu", "cuda")
        for drafted in (True, False)
    ]
    assert all(other == written[0] for other in written[1:])


# batches


def test_lengths_are_few_and_little_is_added() -> None:
    lengths = {n: rounded_up(n) for n in range(1, 2000)}
    assert all(n <= rounded and rounded % 16 == 0 for n, rounded in lengths.items())
    assert all(rounded - n < max(16, n / 8) for n, rounded in lengths.items())
    assert len(set(lengths.values())) <= 40


def test_padding_for_a_gpu_changes_no_loss() -> None:
    trainer = Trainer(ADD, new_run(None, ADD), device=CPU)
    [batch] = trainer.make_batch(0)
    longer = padded(batch)
    counted = (batch[1] != IGNORED).sum()
    assert longer[0].shape[1] == rounded_up(batch[0].shape[1]) > batch[0].shape[1]
    assert padding(longer[1]) == padding(batch[1]) + longer[0].numel() - batch[0].numel()
    for one, other in zip(trainer._gradients(*batch, counted), trainer._gradients(*longer, counted), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_batches_travel_in_two_bytes_where_they_fit() -> None:
    inputs, targets = torch.tensor([[3, 9]]), torch.tensor([[IGNORED, 200]])
    small = narrow((inputs, targets))
    assert all(part.dtype == torch.int16 for part in small)
    assert torch.equal(small[0].long(), inputs)
    assert torch.equal(small[1].long(), targets)
    assert narrow((inputs + (1 << 15), targets))[0].dtype == torch.int64


def test_several_threads_make_batches_in_order() -> None:
    names: set[str] = set()

    def make(step: int) -> list[tuple[Tensor, Tensor]]:
        names.add(threading.current_thread().name)
        time.sleep(0.003 * (step % 3))
        return [(torch.tensor(step), torch.tensor(-step))]

    found = [int(a) for ((a, _),) in prefetched(make, range(5, 25), CPU, ahead=6, makers=3)]
    assert found == list(range(5, 25))
    assert len(names) == 3


def test_threads_make_the_same_pages() -> None:
    trainer = Trainer(ADD, new_run(None, ADD), device=CPU)
    alone, together = (list(prefetched(trainer.make_batch, range(12), CPU, ahead=6, makers=n)) for n in (1, 3))
    for one, other in zip(alone, together, strict=True):
        assert all(torch.equal(a, b) for xy, uv in zip(one, other, strict=True) for a, b in zip(xy, uv, strict=True))


# decoding


@pytest.fixture
def _as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (decode, drafts):
        monkeypatch.setattr(module, "loops_on_gpu", lambda model: not isinstance(model.like, np.ndarray))
        monkeypatch.setattr(module, "max_bytes", lambda model: 1 << 28)


@pytest.mark.usefixtures("_as_on_a_gpu")
@pytest.mark.parametrize(
    ("positions", "check_every"), [("page", 1), ("page", 5), ("page", 1000), ("rope", 5), ("expression_page", 5)]
)
def test_the_loop_on_a_gpu_writes_the_same(positions: str, check_every: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float64, where a choice does not hang on how a product was rounded; the plain loop has NumPy's arrays."""
    monkeypatch.setattr(decode, "CHECK_EVERY", check_every)
    monkeypatch.setattr(drafts, "CHECK_EVERY", check_every)
    monkeypatch.setattr(drafts, "WHOLE", 8)
    monkeypatch.setattr(drafts, "STEP", 8)
    model = random_model(positions)
    weights = {name: weight.double() for name, weight in model.weights.items()}
    on_gpu = GPT(model.config, ALPHABET, weights)
    plain = GPT(model.config, ALPHABET, {name: weight.numpy() for name, weight in weights.items()})
    rng, vocab = np.random.default_rng(0), Tokenizer(ALPHABET)
    prompts = Ragged.from_strings(["".join(rng.choice(list(ALPHABET[:-1]), rng.integers(1, 30))) for _ in range(24)])
    max_new_tokens = rng.integers(1, 40, 24)
    wanted, found = (complete(one, vocab, prompts, max_new_tokens) for one in (plain, on_gpu))
    assert found.text.to_strings() == wanted.text.to_strings()
    assert found.finished.tolist() == wanted.finished.tolist()
    assert not wanted.finished.all()
    assert wanted.finished.any() or positions == "expression_page"  # whose random model never stops
    guesses = [a + b[: rng.integers(0, 40)] + "12" for a, b in zip(prompts.to_strings(), wanted.text.to_strings(), strict=True)]
    drafted = complete_drafts(on_gpu, vocab, Ragged.from_strings(guesses), prompts.lengths, max_new_tokens)
    assert drafted.text.to_strings() == wanted.text.to_strings()
    assert drafted.finished.tolist() == wanted.finished.tolist()


@pytest.mark.usefixtures("_as_on_a_gpu")
def test_the_loop_on_a_gpu_answers_as_the_plain_one(trained: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    task, model = trained.recipe.problems, trained.load_model()
    problems = task.sample(np.random.default_rng(0), 300)
    found = [GPTSolver("small", model, task, drafted).solve(task, problems) for drafted in (True, False)]
    monkeypatch.undo()
    assert found == [GPTSolver("small", model, task, drafts=False).solve(task, problems)] * 2


@pytest.mark.usefixtures("_as_on_a_gpu")
def test_the_gpu_is_rarely_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are read once every CHECK_EVERY characters, twice where rows leave, and at the end."""
    reads: list[str] = []

    def counted(name: str) -> Callable[[Tensor], object]:
        reader = getattr(Tensor, name)

        def read(self: Tensor, *others: object, **named: object) -> object:
            reads.append(name)
            return reader(self, *others, **named)

        return read

    model, vocab = random_model("page"), Tokenizer(ALPHABET)
    for name in ("__int__", "__bool__", "__float__", "__index__", "item", "tolist", "nonzero", "cpu"):
        monkeypatch.setattr(Tensor, name, counted(name))
    decode._complete_on_gpu(model, vocab, np.ones((4, 3), np.int64), np.array([2, 3, 3, 3]), np.full(4, 64))
    assert "__int__" in reads
    assert len(reads) <= 2 * (67 // decode.CHECK_EVERY) + 3
