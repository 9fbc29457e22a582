"""A place of its own for the code that transformers copies before it runs it."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _own_modules(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copies of exported code lie with the test's files, not in the user's cache."""
    if "tmp_path" not in request.fixturenames:
        return
    modules: Path = request.getfixturevalue("tmp_path") / "modules"
    monkeypatch.setenv("HF_MODULES_CACHE", str(modules))  # for processes of their own
    try:
        from transformers import dynamic_module_utils
    except ImportError:
        return
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(modules))
