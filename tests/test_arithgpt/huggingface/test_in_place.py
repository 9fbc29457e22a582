"""A folder that is replaced in one step, and what a process leaves that was killed on the way."""

import subprocess
import sys
from pathlib import Path

import pytest

from arithgpt.huggingface.in_place import written_beside

KILLED = """
import os, signal, sys
from pathlib import Path
from arithgpt.huggingface.in_place import written_beside
target, when = Path(sys.argv[1]), sys.argv[2]
renames = []
replace = Path.replace
def counted(self, to):
    renames.append(to)
    if when == "between" and len(renames) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return replace(self, to)
Path.replace = counted
with written_beside(target) as made:
    (made / "file").write_text("half")
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def write(target: Path, text: str) -> None:
    with written_beside(target) as made:
        (made / "file").write_text(text)


@pytest.mark.parametrize("when", ["before", "between"])
def test_the_next_call_removes_what_a_killed_process_left(tmp_path: Path, when: str) -> None:
    target = tmp_path / "out"
    write(target, "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(target), when], check=False)
    assert done.returncode == -9
    assert target.exists() == (when == "before")
    left = {path.name: (path / "file").read_text() for path in tmp_path.iterdir()}
    assert "old" in left.values()
    with pytest.raises(ZeroDivisionError), written_beside(target):
        _ = 1 / 0
    assert {path.name: (path / "file").read_text() for path in tmp_path.iterdir()} == left, "a failure loses nothing"
    write(target, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (target / "file").read_text() == "new"


def test_what_another_process_writes_now_stays(tmp_path: Path) -> None:
    target = tmp_path / "out"
    script = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "print(flush=True), sys.stdin.read()")
    with subprocess.Popen(
        [sys.executable, "-c", script, str(target), "before"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline()
        write(target, "mine")
        assert sorted(path.name[:5] for path in tmp_path.iterdir()) == [".out.", "out"]
        other.communicate()
    assert other.returncode == 0
    assert (target / "file").read_text() == "half"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
