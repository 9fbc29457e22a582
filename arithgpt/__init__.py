"""Small GPTs that do arithmetic on a page, trained from nothing. Importing this imports no torch.

>>> from arithgpt import Calculator
>>> Calculator()("123*45").answer
'5535'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from arithgpt.inference.calculator import Calculator as Calculator
    from arithgpt.inference.calculator import CalculatorAnswer as CalculatorAnswer

__version__ = "0.1.0"
__all__ = ["Calculator", "CalculatorAnswer"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'arithgpt' has no attribute {name!r}")
    from arithgpt.inference import calculator

    return getattr(calculator, name)
