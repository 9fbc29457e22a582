"""Expression coordinates against a character-by-character account of them."""

import numpy as np
import torch
from helpers.models import random_model
from hypothesis import example, given
from hypothesis import strategies as st

from arithgpt.models.positions.expression_coordinates import COLUMNS, OUTSIDE, ExpressionPageCoordinates
from tasks.expression.task import Expression
from tasks.numbers.sum import Sum

ALPHABET = "0123456789.n@[]+-*/={}%\\x~:!_;^&<|(#>$'\"abcDr,"
PAGES = (
    "....@[21+43]*5-6=[{+64\\}64]*5-6=%64*5-6={*5!032_^032\\}032-6={-422\\}422$",
    "..@.53*..522={*5:571_571;2:070_5780;2!070_.^..57870\\x}...5787$",
    ".@3n*[4-7]=3n*[{-7~3\\}3n]=3n*%3n={*3!90_^90\\x}9$",
    "75*59=5:582_582;9!315_5145$",
    "698/66=231'462\"825&6,600#0;9|960(145a508b739c300D300#1>010r300$",
    "..@7/.2={/40&7<\\7|70(10#3;0|01(10#5;0|00(00#0>053\\x}53$",
)
texts = st.text(ALPHABET, min_size=1, max_size=40) | st.sampled_from(PAGES)


def spelled_out(page: str) -> tuple[list[list[float]], list[list[float]]]:
    """Where each cell is looked from, one more than there are characters, and where each character then stands; by AXES."""
    place = digit = line = field = source = row = 1.0
    number = token = work = dots = steps = 0.0
    direction, inside, ended, opener = 1, False, False, ""
    look, at = [], []
    for char in page:
        look.append([place, digit, number, token, line, source, work, line, digit, dots])
        half = 0.5 if char in ".<" else 0.0
        stands = place - half if char == "." else place + half
        in_field = OUTSIDE if inside or char in "{%" else field
        at.append([stands, digit, number, token, line, in_field, work if inside else OUTSIDE, digit, place, dots - half])
        token += 1
        if char in "0123456789.<^xn":
            step = {".": -1, "x": -1, "^": 0}.get(char, 1)
            place, steps, digit = place + step, steps + step, digit + char.isdigit()
            dots = 0.0 if char == "^" else dots - (char in ".<")
            continue
        top, dropped = steps, opener == "%"
        number, opener, digit, dots, steps = number + 1, char, 1.0, 0.0, 0.0
        if char == "{":
            line, direction, work = 1.0, 1, work + 1
        elif char == "\\":
            line, direction = top, -1
        elif char == ";":
            line += direction
        place = line if char in ";:!#" else top if char == "\\" else 1.0
        alone = char == "=" and not (inside or ended)  # of a page of one operation, which has no `@`
        if alone:
            line, direction, work = 1.0, 1, work + 1
        if not inside and char not in "{}%":
            field += 1
            source += 1 + dropped
            if char in "=@":
                source, row, ended = row, field, True
        source += (char == "}" and inside) + (char == "%")
        inside = char == "{" or alone or (inside and char != "}")
    look.append([place, digit, number, token, line, source, work, line, digit, dots])
    return look, at


AXES = ExpressionPageCoordinates.axes
QUERY, KEY = ExpressionPageCoordinates.query_columns, ExpressionPageCoordinates.key_columns


def cells(page: str, start: np.ndarray | None = None) -> np.ndarray:
    """The cells by NumPy; those by torch are the same."""
    coordinates, ids = ExpressionPageCoordinates(ALPHABET), np.array([[ALPHABET.index(char) for char in page]])
    first = np.array([coordinates.first_cell], np.float32) if start is None else start
    found = coordinates(ids, first, coordinates.roles, np)
    roles = torch.from_numpy(coordinates.roles)
    assert np.array_equal(coordinates(torch.from_numpy(ids), torch.from_numpy(first), roles, torch).numpy(), found)
    return found


@given(page=texts)
@example(page=PAGES[0])
def test_cells_follow_the_rules(page: str) -> None:
    found = cells(page)[0]
    look, at = spelled_out(page)
    for axis, name in enumerate(AXES):
        assert found[:, QUERY[axis]].tolist() == [cell[axis] for cell in look], name
        assert found[:-1, KEY[axis]].tolist() == [cell[axis] for cell in at], name


@given(texts, texts)
def test_cells_go_on_where_they_stopped(before: str, after: str) -> None:
    whole, first = cells(before + after), cells(before)
    second = cells(after, first[:, -1])
    kept = COLUMNS.index("key place")  # of the last cell of a piece nobody knows yet what is written there
    assert (np.concatenate([first[:, :-1], second], 1)[:, :-1] == whole[:, :-1]).all()
    assert (second[:, -1, :kept] == whole[:, -1, :kept]).all()


def test_a_result_follows_from_the_fields_it_comes_from() -> None:
    page = "@2*3+45=%6"
    found = cells(page)[0]
    fields = found[:, COLUMNS.index("key field")].tolist()
    #                       @  2  *  3  +  4  5  =
    assert fields[:8] == [1, 2, 2, 3, 3, 4, 4, 4]
    assert found[len("@2*3+45="), COLUMNS.index("source")] == 2
    reduced = "@2*3+45={*x}6+"
    sources = cells(reduced)[0, :, COLUMNS.index("source")].tolist()
    assert sources[reduced.index("6")] == 3  # the mark that is copied after the result is that of the second field
    assert sources[-1] == 4


@torch.no_grad()
def test_the_cache_changes_nothing_on_pages_of_expressions() -> None:
    task = Expression(operators="1-3", digits="1-3", places="0-1")
    model = random_model(task.alphabet, n_head=(28, 16), head_dim=4, positions="expression_page").double()
    for text in task.batch(6, seed=0, split="train", rank=0, step=0).texts():
        page = text[:200]
        ids = torch.tensor([[task.alphabet.index(char) for char in page]])
        whole, cache = model(ids), model.new_cache(1, len(page))
        pieces = [model(ids[:, start : start + 7], cache) for start in range(0, len(page), 7)]
        assert (torch.cat(pieces, 1) - whole).abs().max() < 1e-6


def test_a_running_sum_follows_from_the_operand_above_it() -> None:
    """Whatever the number of operands: the k-th number after the `=` looks from the field of the k-th before it."""
    task = Sum()
    for many in (2, 3, 9):
        [page] = task.pages(task.problems(["sum " + "+".join("12" for _ in range(many))])).texts()
        found = cells(page)[0]
        above, begins = page.index("=") + 1, found[:, COLUMNS.index("digit")] == 1
        asked = begins[1:above] & np.array([char.isdigit() for char in page[1:above]])
        operands = found[1:above, COLUMNS.index("key field")][asked]
        sums = found[above : len(page), COLUMNS.index("source")][begins[above : len(page)]]
        assert operands.tolist() == sums.tolist() == list(range(2, 2 + many)), page
