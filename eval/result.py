"""What `evaluate` returns: the data of an evaluation, shown as a table, a picture or a DataFrame.

result = run.evaluate(digits="1-10", samples=500)
result                          the table that `arithgpt eval` prints; in a notebook, a table
result.plot()                   accuracy by length, as a picture
result.to_pandas()              a row for each problem
"""

from __future__ import annotations

import pandas as pd

from eval.data import EvalData
from eval.reports.figures import Picture, figures
from eval.reports.html import fragment
from eval.reports.tables import plain_text


class EvalResult(EvalData):
    """What one solver answered. `table` has a row for each length, `rows` one for each problem; see EvalData."""

    def to_pandas(self) -> pd.DataFrame:
        """Return a copy of the rows: a row for each problem, with the columns that `EvalData.rows` describes."""
        return self.rows.copy()

    def plot(self) -> Picture:
        """Draw accuracy by length, and a map where both operands vary.

        Returns:
            A picture, which a notebook shows. `.save("accuracy.png")` writes it, `.figures` has the figures of matplotlib.

        Raises:
            MissingExtra: matplotlib is not installed
        """
        return Picture(figures([self], learning=False))

    def __repr__(self) -> str:
        """The tables that `arithgpt eval` prints."""
        return plain_text(self)

    def _repr_html_(self) -> str:
        """The table that a notebook shows."""
        return fragment(self)
