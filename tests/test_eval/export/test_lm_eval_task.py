"""The task for lm-evaluation-harness: what stands in its folder, and, where lm_eval is installed, that it runs there."""

import json
import re
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.command_line import Call
from helpers.named_tasks import ANSWERS

from eval.export.lm_eval_task import LENIENT, STRICT, lm_eval_task
from tasks import Task, make, names

MADE = {
    "n": 30,
    "sizes": [(3, 3), (4, 2)],
    "suite": None,
    "shots": 3,
    "seed": 0,
    "command": "arithgpt export-lm-eval",
    "version": "0",
}


def problems(files: dict[str, str]) -> list[dict]:
    return [json.loads(line) for name, text in files.items() if name.endswith(".jsonl") for line in text.splitlines()]


@pytest.mark.parametrize("name", [name for name in names() if name not in ANSWERS])
def test_the_folder(name: str) -> None:
    task = make(name, "1-4")
    files = lm_eval_task(task, **MADE)
    assert set(files) == {f"arithgpt_{name}.yaml", f"arithgpt_{name}.jsonl", "data.py", "README.md"}
    assert files == lm_eval_task(task, **MADE)
    asked = problems(files)
    assert len(asked) == len({row["question"] for row in asked}) == 30
    assert all(row["answer"] == task.answer(task.parse(row["question"])) for row in asked)
    shots = [json.loads(shot) for shot in re.findall(r"^    - (\{.*\})$", files[f"arithgpt_{name}.yaml"], re.MULTILINE)]
    assert len(shots) == 3
    assert not task.held_out(task.problems([task.parse(shot["question"]) for shot in shots])).any()
    assert not {shot["answer"] for shot in shots} & {row["answer"] for row in asked}
    assert f"version: {task.version}\n" in files[f"arithgpt_{name}.yaml"]
    regexes = re.findall(r"regex_pattern: (.*)$", files[f"arithgpt_{name}.yaml"], re.MULTILINE)
    for answer in {row["answer"] for row in asked}:
        assert [re.findall(json.loads(regex), answer) for regex in regexes] == [[answer], [answer]]
    compile(files["data.py"], "data.py", "exec")


@pytest.mark.parametrize(
    ("reply", "strict", "lenient"),
    [
        ("5535", "5535", "5535"),
        (" -7 ", "-7", "-7"),
        ("142 r 7", "142 r 7", "142 r 7"),
        ("division by zero", "division by zero", "division by zero"),
        ("The answer is 5,535.", None, "5,535"),
        ("12 * 3 = 36", None, "36"),
        ("none", None, None),
    ],
)
def test_how_a_reply_is_read(reply: str, strict: str | None, lenient: str | None) -> None:
    assert (re.findall(STRICT, reply) or [None])[0] == strict
    assert (re.findall(LENIENT, reply) or [None])[-1] == lenient


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mull",), ("TASK mull", "did you mean mul?")),
        (("mul", "--n", "0"), ("--n 0", "from 1 to 100,000")),
        (("mul", "--shots", "65"), ("--shots 65", "from 0 to 64")),
        (("mul", "--digits", "x"), ("--digits x", "from 1 to 2000")),
        (("mul", "--suite", "carries"), ("--suite carries", "random, edges")),
        (("mul", "--n", "100", "--digits", "1"), ("--shots 4", "only 0 problems are left")),
    ],
)
def test_bad_input_is_one_clear_line(arithgpt: Call, tmp_path: Path, arguments: tuple[str, ...], said: tuple[str, ...]) -> None:
    done = arithgpt("export-lm-eval", *arguments, "--out", str(tmp_path / "lm"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    for part in said:
        assert part in done.stderr
    assert not (tmp_path / "lm").exists()


def test_a_folder_that_is_there_is_left_alone(arithgpt: Call, tmp_path: Path) -> None:
    done = arithgpt("export-lm-eval", "add", "--n", "20", "--out", str(tmp_path / "lm"))
    assert done.returncode == 0, done.stderr
    assert "--tasks arithgpt_add" in done.stdout
    again = arithgpt("export-lm-eval", "add", "--n", "20", "--out", str(tmp_path / "lm"))
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "File exists" in again.stderr


@pytest.fixture
def folder(tmp_path: Path) -> tuple[Task, Path]:
    task = make("div", "1-4")
    for name, text in lm_eval_task(task, **MADE).items():
        (tmp_path / name).write_text(text)
    return task, tmp_path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("reply", "strict", "lenient"),
    [("{}", 1.0, 1.0), ("It is {}.", 0.0, 1.0), ("nothing", 0.0, 0.0)],
)
def test_it_runs_in_lm_eval(
    folder: tuple[Task, Path], monkeypatch: pytest.MonkeyPatch, reply: str, strict: float, lenient: float
) -> None:
    pytest.importorskip("lm_eval")
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    task, path = folder
    prompts = []

    class Calculates(LM):
        def generate_until(self, requests: list, **_: object) -> list[str]:
            prompts.extend(request.args[0] for request in requests)
            return [
                reply.format(task.answer(prompt.splitlines()[-1].removesuffix("="))) for prompt in prompts[-len(requests) :]
            ]

        def loglikelihood(self, requests: list, **_: object) -> list:
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it went to the network"))
    found = simple_evaluate(Calculates(), tasks=["arithgpt_div"], task_manager=TaskManager(include_path=str(path)))
    scores = found["results"]["arithgpt_div"]
    assert (scores["exact_match,strict"], scores["exact_match,lenient"]) == (strict, lenient)
    asked = {row["question"]: row["answer"] for row in problems({"x.jsonl": (path / "arithgpt_div.jsonl").read_text()})}
    assert len(prompts) == len(asked)
    for prompt in prompts:
        *shots, last = prompt.split("\n")
        assert len(shots) == 3
        right = asked[last.removesuffix("=")]
        assert right not in [shot.partition("=")[2] for shot in shots]


@pytest.mark.filterwarnings("ignore")
def test_a_local_gpt_2_is_asked(folder: tuple[Task, Path]) -> None:
    pytest.importorskip("lm_eval")
    transformers, torch = pytest.importorskip("transformers"), pytest.importorskip("torch")
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from lm_eval.utils import make_table
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    vocab = {token: at for at, token in enumerate(["<end>", *"0123456789+-*/= \nr."])}
    tokens = Tokenizer(models.WordLevel(vocab, unk_token="<end>"))
    tokens.pre_tokenizer, tokens.decoder = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated"), decoders.Fuse()
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=len(vocab), n_positions=512, n_embd=32, n_layer=2, n_head=2, eos_token_id=0)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=tokens, eos_token="<end>", pad_token="<end>")
    model = HFLM(pretrained=transformers.GPT2LMHeadModel(config), tokenizer=tokenizer, backend="causal", device="cpu")
    found = simple_evaluate(model, tasks=["arithgpt_div"], task_manager=TaskManager(include_path=str(folder[1])))
    print(make_table(found))
    assert set(found["results"]["arithgpt_div"]) >= {"exact_match,strict", "exact_match,lenient"}


def test_the_folder_reads_its_own_file(folder: tuple[Task, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without lm_eval: what data.py gives, with a stand-in for the package `datasets`."""
    import sys

    stand_in = SimpleNamespace(Dataset=SimpleNamespace(from_list=list))
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    scope = {"__file__": str(folder[1] / "data.py"), "__name__": "data"}
    exec((folder[1] / "data.py").read_text(), scope)
    assert scope["load"](version=1)["test"] == problems({"x.jsonl": (folder[1] / "arithgpt_div.jsonl").read_text()})
