"""Several processes of one job: they are started here, and what they do stands here, where each of them can import it."""

import hashlib
import json
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from helpers.forks import FORKS
from helpers.models import ALPHABET
from torch.nn.parallel import DistributedDataParallel

from arithgpt import cli
from arithgpt.config.recipe import Recipe
from arithgpt.config.schema import ModelConfig
from arithgpt.data.collate import Batch
from arithgpt.errors import UserError
from arithgpt.models import build_model
from arithgpt.run_folder import new_run
from arithgpt.training.distributed import launched_processes
from arithgpt.training.init_weights import resolve
from arithgpt.training.trainer import Trainer


def as_rank(
    work: Callable[..., object], rank: int, environment: dict[str, str], said: Path, arguments: tuple[object, ...]
) -> None:
    """Do a process's work as a launcher would have it done; what it prints goes to files."""
    os.environ.update(environment | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"})
    torch.set_num_threads(1)
    for number, suffix in ((1, "out"), (2, "err")):
        with said.with_suffix(f".{rank}.{suffix}").open("w") as file:
            os.dup2(file.fileno(), number)
    work(*arguments)


def together(n: int, said: Path, work: Callable[..., object], *arguments: object) -> list[multiprocessing.Process]:
    """Start n processes of one job."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {"WORLD_SIZE": str(n), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment |= {"ARITHGPT_RUNS": os.environ["ARITHGPT_RUNS"], "COLUMNS": "80"}
    processes = [FORKS.Process(target=as_rank, args=(work, rank, environment, said, arguments)) for rank in range(n)]
    for process in processes:
        process.start()
    return processes


def printed(processes: list[multiprocessing.Process], said: Path) -> list[dict[str, object]]:
    """The JSON that each printed in the end, once all have ended well."""
    for process in processes:
        process.join(120)
    errors = [said.with_suffix(f".{rank}.err").read_text() for rank in range(len(processes))]
    assert [process.exitcode for process in processes] == [0] * len(processes), errors
    return [json.loads(said.with_suffix(f".{rank}.out").read_text()) for rank in range(len(processes))]


def scenario(plan: dict[str, object], others: dict[str, dict[str, object]], word: str) -> None:
    """Do everything that processes do together, and print what each of them sees as JSON."""
    recipe, cpu, learn, said, stopping = Recipe.from_dict(plan, "test"), torch.device("cpu"), Trainer.train_step, {}, False

    def watched(trainer: Trainer, step: int, batch: list[Batch]) -> torch.Tensor:
        weights = b"".join(weight.detach().numpy().tobytes() for weight in trainer.model.parameters())
        said["weights"] = hashlib.sha256(weights).hexdigest()
        if stopping and step == 7 and processes.rank == 1:
            signal.raise_signal(signal.SIGTERM)  # only one of them is told to stop
        return learn(trainer, step, batch)

    def taken() -> None:
        raise UserError("taken")

    Trainer.train_step = watched
    with launched_processes("cpu") as processes:
        said |= {
            "rank": processes.rank,
            "size": processes.size,
            "sum": processes.sum([1, processes.rank]),
            "first": processes.first(lambda: word),
        }
        a, b = torch.tensor(1.0 + processes.rank), torch.tensor([[2.0, 4.0 * processes.rank]])
        processes.average_([a, b], torch.tensor(3 if processes.rank else 1))
        said["average"] = [a.item(), *b.flatten().tolist()]
        try:
            processes.first(taken)
        except UserError as error:
            said["error"] = str(error)
        for name, stop in (("whole", False), ("parts", True)):
            stopping = stop
            run = processes.first(lambda name=name: new_run(name, recipe))
            progress = Trainer(recipe, run, device=cpu, processes=processes).fit()
            said[name] = [progress.status, progress.step, progress.tokens, progress.padding, progress.accuracy]
        stopping = False
        for name, other in others.items():
            whole = processes.first(lambda other=other: resolve(Recipe.from_dict(other, "test")))
            run = processes.first(lambda name=name, whole=whole: new_run(name, whole))
            progress = Trainer(whole, run, device=cpu, processes=processes).fit()
            said[name] = [progress.step, progress.accuracy, progress.loss]
        try:
            small = Recipe.from_dict(plan | {"train": {"batch_size": 1}}, "test")
            Trainer(small, run, device=cpu, processes=processes).fit()
        except UserError as error:
            said["small"] = str(error)
    print(json.dumps(said))


def wrap_model() -> None:
    """Take a gradient through a model wrapped for several processes; print whether each parameter has got one."""
    dist.init_process_group("gloo", store=dist.TCPStore("127.0.0.1", 0, 1, True), rank=0, world_size=1)
    model = DistributedDataParallel(build_model(ModelConfig(), ALPHABET, 0))
    model(torch.zeros(2, 5, dtype=torch.long)).sum().backward()
    print(json.dumps([parameter.grad is not None for parameter in model.parameters()]))
    # A model that is the last to hold the group waits for a thread of gloo, which may wait for the interpreter: for ever.
    del model
    dist.destroy_process_group()


def command_line(*arguments: str) -> None:
    """Call the command line in this process."""
    sys.argv = ["arithgpt", *arguments]
    cli.main()
