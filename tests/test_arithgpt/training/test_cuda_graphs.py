"""Training steps recorded as CUDA graphs; on a CPU a stand-in replaces the recorder, and tests that need a GPU are skipped."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from helpers.training import SMALL, Silent
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from arithgpt.config.recipe import Recipe
from arithgpt.config.schema import ModelConfig
from arithgpt.data.collate import IGNORED, pad_length, prefetch
from arithgpt.inference.gpt_solver import GPTSolver
from arithgpt.models import build_model, is_static
from arithgpt.models.positions import SCHEMES
from arithgpt.run_folder import new_run
from arithgpt.training import cuda_graphs
from arithgpt.training.cuda_graphs import Recorder, Recording, Step, cuda_graph_recorder, record_graphs
from arithgpt.training.distributed import SINGLE_PROCESS
from arithgpt.training.gradients import GradientComputer
from arithgpt.training.trainer import Trainer

CPU = torch.device("cpu")
needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
FEW = {"max_steps": 20, "batch_size": 16, "eval_samples": 2}
ADD = Recipe.from_dict(SMALL | {"train": FEW, "model": {"n_layer": 1, "n_embd": 16, "n_head": 2}}, "test")


def pretend(calls: list[str], broken: str = "") -> Recorder:
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


def weights_after(n: int, record: Recorder | None = None, device: torch.device = CPU, plan: Recipe = ADD) -> list[Tensor]:
    """All weights after n steps, padded as for a GPU; recorded where there is a recorder."""
    trainer = Trainer(plan, new_run(None, plan), device=device, precision="float32")
    gradients = trainer.gradients
    gradients.compute = record_graphs(gradients.plain, record) if record else gradients.plain
    for step, buckets in zip(range(n), prefetch(trainer.make_batch, range(n), device, n_threads=3), strict=True):
        trainer.train_step(step, [pad_length(batch) for batch in buckets])
    return list(trainer.model.parameters())


def test_a_recorded_step_learns_what_the_plain_one_learns(capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[str] = []
    plain = weights_after(8)
    replayed = weights_after(8, pretend(calls))
    assert all(torch.equal(a, b) for a, b in zip(plain, replayed, strict=True))
    assert calls.count("record") == 1
    assert calls.count("replay") >= 7 - cuda_graphs.RECORD_AT
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("broken", ["record", "replay"])
def test_where_recording_fails_one_line_says_so(broken: str, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[str] = []
    plain = weights_after(6)
    others = weights_after(6, pretend(calls, broken))
    assert all(torch.equal(a, b) for a, b in zip(plain, others, strict=True))
    assert calls.count("record") == 1
    said = capsys.readouterr().err.splitlines()
    why = "operation not permitted" if broken == "record" else "was off by"
    assert len(said) == 1
    assert said[0].startswith("arithgpt: steps are not recorded on this GPU, which is slower: ")
    assert why in said[0]


def test_only_shapes_that_come_often_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(cuda_graphs, "MAX_RECORDINGS", 2)
    step = record_graphs(lambda x: (x * 2,), pretend(calls))
    for n in (1, 2, 3, 4):
        for _ in range(n + 1):
            assert torch.equal(step(torch.ones(n))[0], torch.full((n,), 2.0))
    assert calls.count("record") == 2  # of 2 and 3; 1 came twice only, and for 4 there was no room


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
def test_a_step_that_can_be_recorded_sends_and_reads_nothing(positions: str) -> None:
    """On torch's device without memory, from which nothing can be read: the schemes that say so, and no others."""
    config = ModelConfig(n_layer=2, n_head=2, n_embd=16, positions=positions)
    model = build_model(config, ADD.alphabet, seed=0).to("meta").train()
    model.set_matmul_dtype(torch.bfloat16)
    gradients = GradientComputer(model, ADD, SINGLE_PROCESS, n_tokens=64)
    inputs, targets = (torch.zeros(4, 16, dtype=torch.long, device="meta") for _ in range(2))
    traffic = Traffic()
    try:
        with traffic:
            n_targets, generator = torch.zeros((), device="meta"), torch.Generator()  # what is drawn comes from the CPU
            _, *found = gradients.plain(inputs, targets, n_targets, generator=generator)
            clean = not traffic.sent
            assert len(found) == len(list(model.parameters()))
    except (RuntimeError, NotImplementedError):  # a number was read
        clean = False
    assert clean == is_static(config), traffic.sent


@needs_gpu
@pytest.mark.parametrize("positions", ["page", "expression_page", "none", "fire"])
def test_a_gpu_records_what_it_computes(positions: str, capsys: pytest.CaptureFixture[str]) -> None:
    gpu = torch.device("cuda")
    plan = ADD.replace(model=ADD.model.model_copy(update={"positions": positions}))
    weights = [weights_after(8, record, gpu, plan) for record in (None, cuda_graph_recorder())]
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(*weights, strict=True))
    assert capsys.readouterr().err == ""


@needs_gpu
def test_a_gpu_trains_and_answers() -> None:
    plan = Recipe.from_dict(SMALL, "test")
    run = new_run(None, plan)
    Trainer(plan, run, device=torch.device("cuda"), callback=Silent()).fit()
    problems = plan.problems.sample(np.random.default_rng(0), 500)
    written = [
        [answer.written for answer in GPTSolver.of(run, where, verify).solve(plan.problems, problems)]
        for where in ("cpu", "cuda")
        for verify in (True, False)
    ]
    assert all(other == written[0] for other in written[1:])


def test_padding_for_a_gpu_changes_no_loss() -> None:
    trainer = Trainer(ADD, new_run(None, ADD), device=CPU)
    [batch] = trainer.make_batch(0)
    longer = pad_length(batch)
    counted = (batch[1] != IGNORED).sum()
    assert longer[0].shape[1] > batch[0].shape[1]
    plain = trainer.gradients.plain
    for one, other in zip(plain(*batch, counted), plain(*longer, counted), strict=True):
        assert torch.allclose(one, other, atol=1e-5)
