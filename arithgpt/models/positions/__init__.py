"""The position schemes, by name: how a GPT knows where on the page its characters stand.

page sheet                                    kernels.py     kernels on the axes of the page
learned sinusoidal randomized ...             absolute.py    embeddings of the index of a character
abacus coupled                                digits.py      embeddings of the place of a digit
rope alibi t5 fire                            relative.py    the distance between two characters

`[model] positions = "rope"` is all that a recipe says of it; what a scheme can do is told in base.py.
"""

from __future__ import annotations

from arithgpt.models.positions.absolute import (
    LearnedPositions,
    RandomizedPositions,
    RandomizedSinusoidalPositions,
    SinusoidalPositions,
)
from arithgpt.models.positions.base import EMBEDDING_STD, NoPositions
from arithgpt.models.positions.digits import AbacusPositions, CoupledPositions
from arithgpt.models.positions.kernels import ExpressionPagePositions, PagePositions
from arithgpt.models.positions.relative import AlibiPositions, FirePositions, RotaryPositions, T5Positions

__all__ = ["EMBEDDING_STD", "SCHEMES", "NoPositions", "PagePositions"]

SCHEMES: dict[str, NoPositions] = {
    "page": PagePositions(),
    "expression_page": ExpressionPagePositions(),
    "learned": LearnedPositions(),
    "sinusoidal": SinusoidalPositions(),
    "randomized": RandomizedPositions(),
    "randomized-sinusoidal": RandomizedSinusoidalPositions(),
    "abacus": AbacusPositions(),
    "coupled": CoupledPositions(),
    "rope": RotaryPositions(),
    "alibi": AlibiPositions(),
    "t5": T5Positions(),
    "fire": FirePositions(),
    "none": NoPositions(),
}
