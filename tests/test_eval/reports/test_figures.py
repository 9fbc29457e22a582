"""The pictures with matplotlib: the same numbers as the page's, the same bytes each time, and a picture that can be read."""

import io
import sys

import pytest
from helpers.reports import adder, grid, log, seeds

from eval.solver import MissingExtra


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from eval.reports import figures

    for module in ("matplotlib", "matplotlib.figure", "matplotlib.image", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, module, None)
    for make in (lambda: figures.figures([adder()]), lambda: figures.png([])):
        with pytest.raises(MissingExtra, match=r"pip install 'arithgpt\[plot\]'"):
            make()


def test_figures_show_what_was_measured() -> None:
    pytest.importorskip("matplotlib")
    from eval.reports import figures
    from eval.reports.charts import accuracy_charts, heatmaps
    from eval.reports.format import map_cell

    result = grid()
    accuracy, maps, learning = figures.figures([result, *seeds()])
    assert accuracy.axes[0].get_title("left") == "mul, random"
    assert [list(line.get_ydata()) for line in accuracy.axes[0].get_lines()] == [list(accuracy_charts([result])[0].lines[0].y)]
    shown = {text.get_text() for text in maps.axes[0].texts}
    one = heatmaps(result)[0]
    assert shown == {
        map_cell(share, trained)
        for row, met in zip(one.shares, one.trained, strict=True)
        for share, trained in zip(row, met, strict=True)
    }
    assert [ax.get_title("left") for ax in learning.axes] == [
        "loss by examples",
        "loss by seconds",
        "held-out accuracy by length",
    ]


def test_one_picture_of_all_and_the_same_bytes() -> None:
    pytest.importorskip("matplotlib")
    import matplotlib as mpl
    from matplotlib.image import imread

    from eval.reports import figures

    before = dict(mpl.rcParams)
    results = [adder(metrics=log(1)), grid()]
    picture = figures.png(figures.figures(results))
    assert picture == figures.png(figures.figures(results))
    drawn = figures.figures(results)
    height = sum(round(figure.get_figheight() * figures.DPI) for figure in drawn)
    assert imread(io.BytesIO(picture)).shape[:2] == pytest.approx((height, figures.WIDTH * figures.DPI), abs=len(drawn))
    assert figures.png([])
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
