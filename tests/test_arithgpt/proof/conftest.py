"""A run that is proven, trained once."""

import pytest
from helpers.proofs import PROVABLE
from helpers.training import train_once

from arithgpt.run_folder import RunFolder


@pytest.fixture(scope="session")
def provable(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """An adder with fixed kernels, trained for some seconds; nothing may be written to it."""
    return train_once(tmp_path_factory, "provable", PROVABLE)
