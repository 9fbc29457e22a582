"""What a result was made with: machine, versions, and the commit of the source.

machine  Intel(R) Xeon(R) CPU, Linux-6.1-x86_64      commit  2fcae8904d0e+
"""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arithgpt.version import __version__

if TYPE_CHECKING:
    import torch


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str | None:
    """Return the commit of the source, with `+` where files were changed since; None outside a git checkout."""
    source = Path(__file__).resolve().parent.parent
    if not (source / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(source), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python, of arithgpt, and of those of the packages that are installed."""
    found = {"python": platform.python_version(), "arithgpt": __version__}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def training_provenance(n_params: int, device: torch.device) -> dict[str, Any]:
    """Return what a run was made with: size, machine, versions and commit."""
    import torch

    return {
        "parameters": n_params,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "platform": platform.platform(),
        "versions": versions("torch", "numpy"),
        "commit": commit(),
    }
