"""Completion in a shell: what is offered for a line, by the environment variables that the shells set; and --version."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from helpers.command_line import Call, Done, call, one_clear_line

import arithgpt as package
from arithgpt import cli
from arithgpt.cli.completion.protocol import joined_words
from arithgpt.cli.completion.signature import load_signature
from arithgpt.models.positions.names import SCHEMES

BIN = Path(sys.executable).parent


def in_bash(line: str, at: int | None = None) -> list[str]:
    """What bash is told: the line is cut at spaces and at each `=`, as bash does; the cursor is in its last word."""
    words = line.split(" ")
    at = len(words) - 1 if at is None else at
    done = call(_ARITHGPT_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(at))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def in_other(shell: str, line: str) -> Done:
    """What zsh or fish is told, which give the whole line up to the cursor."""
    environment = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args", "COLUMNS": "40"}
    done = call(**{"_ARITHGPT_COMPLETE": f"complete_{shell}"} | environment)
    assert (done.returncode, done.stderr) == (0, "")
    return done


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("arithgpt ", list(cli.COMMANDS)),
        ("arithgpt fal", ["falsify"]),
        ("arithgpt train --dr", ["--dry-run"]),
        ("arithgpt train --task m", ["modadd", "mul"]),
        ("arithgpt train --task = m", ["modadd", "mul"]),
        ("arithgpt train --device ", ["auto", "cpu", "cuda"]),
        ("arithgpt train --precision ", ["auto", "bf16", "float32"]),
        ("arithgpt train --set optim.g", ["optim.grad_clip=", "optim.grad_clip=1.0"]),
        ("arithgpt train --set optim.name =", ["adamw", "muon"]),
        ("arithgpt train --set model.positions = ro", ["rope"]),
        ("arithgpt train --steps 3 --set model.positions =", list(SCHEMES)),
        ("arithgpt train --task mul --set task.s", ["task.scratchpad=false", "task.scratchpad=true"]),
        ("arithgpt train --recipe add-l", ["add-length"]),
        ("arithgpt train --recipe ./", []),  # a file, which the shell itself completes
        ("arithgpt train --steps ", []),
        ("arithgpt export-data ad", ["add"]),
        ("arithgpt --show-completion ", ["bash", "fish", "zsh"]),
    ],
)
def test_bash_is_offered(line: str, offered: list[str]) -> None:
    assert sorted(in_bash(line)) == sorted(offered)


def test_runs_are_offered_by_name(runs: Path) -> None:
    (run,) = [folder.name for folder in runs.iterdir()]
    assert run in in_bash("arithgpt eval ")
    assert in_bash("arithgpt prove cal") == ["calculator"]
    assert in_bash(f"arithgpt calc --run {run[:2]}") == [run]
    assert "calculator" not in in_bash("arithgpt train --from ")


def test_options_that_print_do_not_while_a_line_is_completed() -> None:
    assert in_bash("arithgpt --version tr") == ["train"]
    assert in_bash("arithgpt --show-completion bash tr") == ["train"]


def test_zsh_and_fish_show_what_a_value_means() -> None:
    fields = in_other("fish", "arithgpt train --set model.n_").stdout.splitlines()
    assert [field.partition("\t")[0] for field in fields] == [
        "model.n_layer=",
        "model.n_head=",
        "model.n_embd=",
        "model.n_kv_head=",
    ]
    assert "Number of transformer blocks" in fields[0]
    assert in_other("fish", "arithgpt train --set model.positions=ro").stdout == "model.positions=rope\n"
    assert '"rewrite":"a string rewritten by rules' in in_other("zsh", "arithgpt train --task re").stdout
    options = in_other("fish", "arithgpt train --").stdout
    assert len(options.splitlines()) == len(in_bash("arithgpt train --")), "each option in a line of its own"
    assert "(default: add)" in options


def test_completing_imports_nothing_heavy() -> None:
    code = (
        "import os, sys\n"
        "os.environ['_ARITHGPT_COMPLETE'] = 'complete_fish'\n"
        "from arithgpt import cli\n"
        "import typer\n"
        "group = typer.main.get_command(cli.app)\n"
        "for name in cli.COMMANDS:\n"
        "    group.get_command(None, name)\n"
        "import arithgpt.cli.completion.values\n"
        "heavy = {'torch', 'pandas', 'hypothesis', 'joblib'} & sys.modules.keys()\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_signature_that_is_read_is_the_one_that_is_imported(name: str) -> None:
    command = cli.COMMANDS[name]
    group = typer.main.get_command(cli.app)
    assert isinstance(group, cli.LazyGroup)
    single = typer.Typer(add_completion=False, rich_markup_mode=None)
    single.command(name)(load_signature(f"arithgpt.cli.{command.module}", command.function))
    read, real = typer.main.get_command(single), group.get_command(None, name)
    assert read.help == real.help
    seen = [[(p.name, p.opts, p.nargs, p.multiple) for p in each.params if p.name != "task_files"] for each in (read, real)]
    assert seen[0] == seen[1]


def test_words_that_bash_cuts_are_joined() -> None:
    assert joined_words("arithgpt train --set model.tied = t", 5) == ("arithgpt train --set model.tied=t", 3)
    assert joined_words("arithgpt train --set model.tied =", 4) == ("arithgpt train --set model.tied=", 3)
    assert joined_words("arithgpt calc '1 + 2' ", 3) == ("arithgpt calc '1 + 2'", 3)
    assert joined_words("arithgpt calc '1 + 2", 3)[0].startswith("arithgpt calc")
    assert joined_words("arithgpt", 1) == ("arithgpt", 1)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_the_script_completes_in_bash(new_arithgpt: Call, tmp_path: Path) -> None:
    script = new_arithgpt("--show-completion", "bash")
    assert (script.returncode, script.stderr) == (0, "")
    line = "COMP_WORDS=(arithgpt train --set model.positions = ro) COMP_CWORD=5\n"
    ask = f'{script.stdout}\n{line}_arithgpt_completion arithgpt\nprintf "%s\\n" "${{COMPREPLY[@]}}"\n'
    environment = os.environ | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "--norc", "-c", ask], capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == ("rope\n", "")


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", ".bash_completions/arithgpt.sh"),
        ("fish", ".config/fish/completions/arithgpt.fish"),
        ("zsh", ".zfunc/_arithgpt"),
    ],
)
def test_completion_is_installed_at_home(shell: str, file: str, new_arithgpt: Call, tmp_path: Path) -> None:
    done = new_arithgpt("--install-completion", HOME=str(tmp_path), SHELL=f"/bin/{shell}")
    assert (done.returncode, done.stderr) == (0, "")
    assert str(tmp_path / file) in done.stdout
    shown = new_arithgpt("--show-completion", shell).stdout
    assert "_ARITHGPT_COMPLETE" in shown
    assert (tmp_path / file).read_text().strip() == shown.strip()


def test_another_shell_is_one_clear_line(arithgpt: Call, tmp_path: Path) -> None:
    one_clear_line(arithgpt("--show-completion", "csh"), "--show-completion csh", "bash, zsh or fish")
    one_clear_line(arithgpt("--install-completion", SHELL="/bin/csh"), "--install-completion csh", "bash, zsh or fish")
    (tmp_path / "file").write_text("")
    one_clear_line(arithgpt("--install-completion", "fish", HOME=str(tmp_path / "file")), "--install-completion fish")


def test_the_version_is_printed_without_importing_what_it_names() -> None:
    code = "import sys\nfrom arithgpt import cli\nsys.argv[1:] = ['--version']\n"
    code += "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
    code += "assert not {'torch', 'numpy', 'pydantic'} & sys.modules.keys()\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    python = ".".join(map(str, sys.version_info[:3]))
    used = f"Python {python}, torch {version('torch')}, numpy {version('numpy')}"
    assert done.stdout == f"arithgpt {package.__version__} ({used})\n"
