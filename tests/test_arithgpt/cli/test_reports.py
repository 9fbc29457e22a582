"""The files of eval and compare, as users get them: whole or not at all, the same each time, marked where they are partial."""

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
from helpers.command_line import Call, start_forked, wait_for_forked


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"][-1]["content"]
        left, right = map(int, question.split("+"))
        status = 403 if left > 99 and self.server.refuses else 200
        if left > 99 and self.server.hangs:
            self.server.stuck.set()
            self.server.over.wait(30)
        said = f"<script>{left}</script>" if left % 5 == 0 else str(left + right)
        body = json.dumps({"choices": [{"message": {"content": said}, "finish_reason": "stop"}]}).encode()
        with suppress(ConnectionError):  # whoever asked has been killed
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class Endpoint(ThreadingHTTPServer):
    """Adds; from three digits on it hangs or refuses where a test wants that."""

    daemon_threads, block_on_close = True, False
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.hangs = self.refuses = False
        self.stuck, self.over = threading.Event(), threading.Event()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[Endpoint]:
    pytest.importorskip("httpx")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Endpoint() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.over.set()
        server.shutdown()
        thread.join()


def files(folder: Path) -> list[str]:
    """Options for every file that can be written here."""
    kinds = [
        "json",
        "csv",
        "html",
        *(["png"] if find_spec("matplotlib") else []),
        *(["parquet"] if find_spec("pyarrow") else []),
    ]
    return [part for kind in kinds for part in (f"--{kind}", str(folder / f"report.{kind}"))]


@pytest.mark.usefixtures("runs")
def test_killed_half_way_it_leaves_no_report_and_again_the_same(
    endpoint: Endpoint, arithgpt: Call, new_arithgpt: Call, tmp_path: Path
) -> None:
    options = ("eval", "small", "llm:adder", "--task", "add", "--digits", "1-3,5", "--suite", "random", "--samples", "20")
    killed, first, again = folders = [tmp_path / name for name in ("killed", "first", "again")]
    for folder in folders:
        folder.mkdir()
    endpoint.hangs = True
    for end in (signal.SIGKILL, signal.SIGINT):
        endpoint.stuck.clear()
        process = start_forked(tmp_path, *options, *files(killed))
        assert endpoint.stuck.wait(60)
        os.kill(process.pid, end)
        assert wait_for_forked(process, tmp_path).returncode != 0
        assert list(killed.iterdir()) == []
    endpoint.hangs = False
    for folder, call in ((first, arithgpt), (again, new_arithgpt)):
        assert call(*options, *files(folder)).returncode == 0
    made, same = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in (first, again))
    assert made == same
    assert len(made) == len(files(first)) / 2
    assert b"&lt;script&gt;" in made["report.html"]
    assert b"<script" not in made["report.html"]


def test_what_fails_half_way_is_kept_and_marked(endpoint: Endpoint, arithgpt: Call, tmp_path: Path) -> None:
    endpoint.refuses = True
    options = ("--task", "add", "--digits", "1-3,5", "--suite", "random", "--samples", "20")
    done = arithgpt("eval", "llm:adder", *options, *files(tmp_path))
    assert (done.returncode, done.stderr) == (1, "")
    assert "PARTIAL: 40 of 80 problems could not be asked: HTTP 403" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    report = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert report["partial"] == "40 of 80 problems could not be asked: HTTP 403"
    assert [(row["n"], row["failed"]) for row in report["results"]] == [(20, 0), (20, 0), (0, 20), (0, 20)]
    assert report["results"][2]["accuracy"] is None
    page = (tmp_path / "report.html").read_text()
    assert "<b>PARTIAL</b> adder: 40 of 80 problems could not be asked: HTTP 403" in page
    assert (pd.read_csv(tmp_path / "report.csv").outcome == "failed").sum() == 40


@pytest.mark.usefixtures("runs")
def test_every_file_says_the_same(arithgpt: Call, tmp_path: Path) -> None:
    options = ("--digits", "1-4", "--samples", "30")
    done = arithgpt("eval", "small", *options, *files(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads((tmp_path / "report.json").read_text())
    page = (tmp_path / "report.html").read_text()
    assert report["partial"] is None
    assert "PARTIAL" not in page
    for said in (report["weights_sha256"], report["versions"]["torch"], report["measured_on"].split(",")[0], "n_layer = 2"):
        assert said in page
    assert page.count("<svg") == 3 + len({row["suite"] for row in report["results"]})
    rows = pd.read_csv(tmp_path / "report.csv", dtype=str, keep_default_na=False)
    assert (rows.outcome == "right").sum() == sum(row["correct"] for row in report["results"])
    if (tmp_path / "report.parquet").exists():
        same = pd.read_parquet(tmp_path / "report.parquet")
        assert same.question.tolist() == rows.question.tolist()
        assert same.outcome.tolist() == rows.outcome.tolist()


@pytest.mark.parametrize(("option", "module", "extra"), [("--png", "matplotlib", "plot"), ("--parquet", "pyarrow", "parquet")])
def test_a_missing_extra_is_said_before_the_work(
    new_arithgpt: Call, tmp_path: Path, option: str, module: str, extra: str
) -> None:
    hidden = tmp_path / "hidden" / "sitecustomize.py"
    hidden.parent.mkdir()
    hidden.write_text(
        "import importlib.util\nfind = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda name, *rest: None if name == {module!r} else find(name, *rest)\n"
    )
    path = os.pathsep.join(filter(None, [str(hidden.parent), os.environ.get("PYTHONPATH")]))
    asked = ("eval", "exact", "--task", "add", "--digits", "1", option, str(tmp_path / "file"))
    done = new_arithgpt(*asked, PYTHONPATH=path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert f"{option} {tmp_path / 'file'}: the extra {extra} is missing: pip install 'arithgpt[{extra}]'" in done.stderr
    assert not (tmp_path / "file").exists()


@pytest.mark.usefixtures("runs")
def test_compare_writes_a_page(arithgpt: Call, tmp_path: Path) -> None:
    options = ("--digits", "1-2", "--samples", "30", "--html", str(tmp_path / "a.html"))
    done = arithgpt("compare", "small", "random", "--task", "add", *options)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "a.html").read_text()
    for said in ("small against random", "only random", "McNemar", '<th class="figure">median</th>'):
        assert said in page


def test_a_grid_says_what_training_met(arithgpt: Call) -> None:
    done = arithgpt(
        "eval", "calculator", "--task", "mul", "--digits", "1-3x1-3,7x1,7x2,7x3", "--suite", "random", "--samples", "5"
    )
    assert done.returncode == 0, done.stderr
    assert "° seen in training, › beyond its lengths, unmarked: held out of it" in done.stdout
    first, last = (line.split() for line in done.stdout.splitlines() if line[:2] in ("1 ", "7 "))
    assert first == ["1", "100°", "100°", "100"]
    assert last == ["7", "100", "100", "100›"]
