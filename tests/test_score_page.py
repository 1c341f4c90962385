"""The page of scores is whole, offline, and runs nothing that a text holds."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from longwrite.rewards.briefs import compile_brief
from longwrite.score_page import SHOWN, load_definitions, render_scores
from longwrite.scoring.measures import MEASURES
from longwrite.verdicts import score_text
from tests.browser import needs_browser, show
from tests.scoring.texts import make_text

EVIL = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">'


def write_page(count: int = 1, title: str = "Hull") -> str:
    text = (
        f"# Boats\n\n## {title}\n\n{make_text(4)}\n\n## Again\n\n{make_text(4)}\n\nIt was {title}"
    )
    brief = compile_brief('Write 500 words. Mention "the keel".')
    rows = [score_text(text, name=f"boat {n} {title}", brief=brief) for n in range(count)]
    return render_scores(rows, ["none.md can't be read: there is no such file."])


class Tags(HTMLParser):
    """Collects tags and what they point to."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.targets += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not any(name.startswith("on") for name, _ in attrs)


@pytest.mark.parametrize("title", ["Hull", EVIL, "\u202egnitirw", "\x00\x07", "a" * 5_000])
def test_nothing_of_a_text_becomes_a_tag(title: str) -> None:
    tags = Tags()
    tags.feed(write_page(2, title))
    assert tags.names.isdisjoint({"script", "img", "iframe", "object", "link", "a "})
    assert all(target.startswith("#t") for target in tags.targets)


def test_it_shows_where_and_what() -> None:
    page = write_page()
    assert "Passages that stand again" in page and "<path" in page
    assert "is not said" not in page
    assert "the keel" in page and ">fails<" in page
    assert "Not scored" in page


def test_every_measure_is_explained() -> None:
    assert set(load_definitions()) == set(MEASURES) | {"soundness", "meaning"}


def test_of_very_many_texts_only_the_first_are_shown_in_full() -> None:
    page = write_page(SHOWN + 1)
    assert page.count("<section id=") == SHOWN
    assert f"The first {SHOWN} of {SHOWN + 1} texts" in page


@needs_browser
def test_a_real_browser_shows_it_and_runs_nothing(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(write_page(title=EVIL), "utf-8")
    title, shown = show(page, tmp_path / "profile")
    assert title != "owned"
    assert "Every measure" in shown
    assert "Refused to" not in shown
