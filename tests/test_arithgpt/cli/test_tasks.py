"""The command tasks: the list, and everything of one task."""

import json

import pytest
from helpers.command_line import Call, one_clear_line
from helpers.paths import MAXIMUM_TASK

from arithgpt.proof.families.covered import load_provable
from tasks import find, names
from tasks.sizes import format_ranges, parse_ranges


def test_all_tasks_are_listed_with_a_question(arithgpt: Call) -> None:
    for width in ("40", "80", ""):
        done = arithgpt("tasks", COLUMNS=width)
        assert (done.returncode, done.stderr) == (0, "")
        assert "…" not in done.stdout
        for name in names():
            assert find(name)().example in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= int(width or 200)


def test_the_list_as_json_has_what_each_task_is_shown_with(arithgpt: Call) -> None:
    listed = json.loads(arithgpt("tasks", "--json").stdout)
    assert [one["name"] for one in listed] == names()
    for one in listed:
        for part in one["parts"]:
            task = find(part["name"])()
            assert part["answer"] == task.answer(part["question"])
            assert part["page"].startswith(part["prompt"])
            assert task.extract(part["page"].removeprefix(part["prompt"])[:-1], part["question"]) == part["answer"]
            assert set(part["only_by_name"]) <= set(part["suites"])
    assert json.loads(arithgpt("tasks", "gcd", "--json").stdout) == next(one for one in listed if one["name"] == "gcd")


@pytest.mark.parametrize("width", ["40", "80", ""])
def test_one_task_is_shown_with_options_page_and_drawing(arithgpt: Call, width: str) -> None:
    done = arithgpt("tasks", "mul", COLUMNS=width)
    assert (done.returncode, done.stderr) == (0, "")
    told = " ".join(done.stdout.split())
    page = find("mul")().pages(find("mul")().problems(["123*456"])).texts()[0]
    for part in ("task.edge_case_prob", "true or false", "1-4 in training", "random edges", "exhaustive long", page, "56088"):
        assert part in told
    assert "   738   6 * 123\n" in done.stdout
    assert f"task.digits = {load_provable(task='mul').problems.digits}" in told


def test_a_mixture_shows_its_parts_and_a_text_its_options(arithgpt: Call) -> None:
    told = arithgpt("tasks", "arith").stdout
    for part in ("task.mul.digits", "task.weights", "[1, 1, 2, 2]", "123+456", "123-456", "123*456", "123/456"):
        assert part in told
    text = arithgpt("tasks", "text")
    assert (text.returncode, text.stderr) == (0, "")
    assert "task.val_share" in text.stdout
    assert json.loads(arithgpt("tasks", "text", "--json").stdout)["parts"] == []


def test_a_task_of_a_file_is_shown_with_the_meaning_of_its_options(arithgpt: Call) -> None:
    done = arithgpt("tasks", "maximum", "--import", str(MAXIMUM_TASK))
    assert (done.returncode, done.stderr) == (0, "")
    assert "The most digits in a list of training." in done.stdout


def test_a_data_set_of_reasoning_gym_is_shown(arithgpt: Call) -> None:
    pytest.importorskip("reasoning_gym")
    done = arithgpt("tasks", "rg:chain_sum")
    assert (done.returncode, done.stderr) == (0, "")
    assert "#1 " in done.stdout


def test_a_typo_suggests_a_near_name(arithgpt: Call) -> None:
    one_clear_line(arithgpt("tasks", "parrity"), "TASK parrity", "did you mean parity?")
    one_clear_line(arithgpt("tasks", "parrity", "--json"), "did you mean parity?")


def test_lengths_are_written_as_they_are_read() -> None:
    for text in ("8", "1-8", "12x6", "1-6x1-3", "1-6,1-10x1-3"):
        assert format_ranges(parse_ranges(text)) == text
