"""A place of its own for the code that transformers copies before it runs it."""

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def _own_modules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Copies of exported code lie with the files of the tests, not in the user's cache."""
    modules = str(tmp_path_factory.mktemp("modules"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_MODULES_CACHE", modules)  # for processes that import transformers themselves
        try:
            from transformers import dynamic_module_utils
        except ImportError:
            yield
            return
        patch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", modules)
        yield
