"""The funnel counts what comes and goes, and shows examples that can do no harm."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.data.filters import Reason
from longwrite.data.funnel import EXAMPLES, Funnel, from_json, show, to_json
from longwrite.data.funnel_page import funnel_page
from longwrite.data.rows import Drop
from longwrite.errors import UsageError

EVIL = '"><script>document.title="owned"</script><img src=x onerror=alert(1)>\x1b[31m\u202e'


def make_funnel() -> Funnel:
    funnel = Funnel(["recipe", "loop", "label"])
    funnel.keep("recipe", 10)
    for number in range(4):
        funnel.drop(Drop(f"row-{number}", "loop", Reason("runs in a loop", "x"), f"at {number}"))
    funnel.drop(Drop("row-4", "loop", "is cut short", "in a sentence"))
    funnel.keep("loop", 5)
    funnel.keep("label", 5)
    return funnel


def test_each_stage_has_its_rows_and_reasons() -> None:
    loop = make_funnel().stages["loop"]
    assert (loop.entered, loop.kept, loop.dropped) == (10, 5, 5)
    assert [(reason, loss.count) for reason, loss in loop.ranked()] == [
        ("runs in a loop", 4),
        ("is cut short", 1),
    ]


def test_examples_do_not_depend_on_the_order_of_rows() -> None:
    drops = [Drop(f"row-{n}", "loop", "runs in a loop", f"at {n}") for n in range(9)]
    funnels = Funnel(), Funnel()
    for drop in drops:
        funnels[0].drop(drop)
    for drop in reversed(drops):
        funnels[1].drop(drop)
    assert to_json(funnels[0]) == to_json(funnels[1])
    examples = funnels[0].stages["loop"].losses["runs in a loop"].examples
    assert examples == tuple((f"row-{n}", f"at {n}") for n in range(EXAMPLES))


def test_shards_are_added() -> None:
    whole = make_funnel()
    whole.add(make_funnel())
    assert whole.stages["loop"].entered == 20
    assert whole.stages["loop"].losses["runs in a loop"].count == 8


def test_the_table_says_it_in_a_terminal() -> None:
    told = show(make_funnel())
    assert [line.split()[:4] for line in told.split("\n") if line[0] != " "] == [
        ["stage", "in", "out", "dropped"],
        ["recipe", "10", "10", "0"],
        ["loop", "10", "5", "5"],
        ["label", "5", "5", "0"],
    ]
    assert "  4 × runs in a loop\n      row-0: at 0" in told
    assert "row-0" not in show(make_funnel(), examples=False)
    assert show(Funnel()) == "No rows came."


names = st.text(max_size=20)


@given(st.lists(st.tuples(names, names, names, names)), st.dictionaries(names, st.integers(0, 9)))
def test_json_brings_it_back(drops: list[tuple[str, str, str, str]], kept: dict[str, int]) -> None:
    funnel = Funnel(kept)
    for stage, count in kept.items():
        funnel.keep(stage, count)
    for stage, reason, id_, detail in drops:
        funnel.drop(Drop(id_, stage, reason, detail))
    told = json.loads(json.dumps(to_json(funnel)))
    assert to_json(from_json(told)) == to_json(funnel)
    show(funnel)
    funnel_page(funnel, "A set")


@pytest.mark.parametrize(
    "data",
    [None, [], {"stages": [{}]}, {"stages": [{"stage": "a", "out": -1, "dropped": []}]},
     {"stages": [{"stage": "a", "out": 1, "dropped": [{"reason": 1, "count": 1}]}]}],
)  # fmt: skip
def test_what_is_no_funnel_is_told(data: object) -> None:
    with pytest.raises(UsageError, match="it is no funnel report"):
        from_json(data, "funnel.json")


# --- hostile texts -------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Collects tags, and fails on what could run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") or name in ("href", "src") for name, _ in attrs)


def test_nothing_of_a_row_becomes_a_tag() -> None:
    funnel = Funnel()
    funnel.drop(Drop(EVIL, EVIL, EVIL, EVIL))
    tags = Tags()
    page = funnel_page(funnel, EVIL)
    tags.feed(page)
    assert tags.names.isdisjoint({"script", "img", "iframe", "object", "link", "a"})
    assert "\x1b" not in page and "\u202e" not in page


def test_nothing_of_a_row_reaches_the_terminal_as_a_command() -> None:
    funnel = Funnel()
    funnel.drop(Drop(f"row\n{EVIL}", EVIL, EVIL, "a\rb\x9b2J"))
    told = show(funnel)
    assert told.count("\n") == 3
    assert not any(char in told for char in "\x1b\r\x9b\u202e")


def test_the_page_plots_every_stage_and_loads_nothing() -> None:
    page = funnel_page(make_funnel(), "Small set")
    assert page.count("<g>") == 3
    assert "<b>10</b> rows came, <b>5</b> stayed; 5 were dropped" in page
    assert "default-src 'none'" in page and "http" not in page.replace("http-equiv", "")
    assert "No rows came." in funnel_page(Funnel(), "Nothing")
