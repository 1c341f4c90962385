"""Pages that show what strangers wrote: the text stands there, and nothing of it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from longwrite.agent.settings import Settings
from longwrite.data.funnel import Funnel
from longwrite.data.funnel_page import funnel_page
from longwrite.data.lint import Finding, LintReport, RuleCount
from longwrite.data.lint_page import report_page
from longwrite.data.lint_rules import RULES
from longwrite.data.rows import Drop
from longwrite.page import render_page
from longwrite.score_page import render_scores
from longwrite.train.compare import compare_sides, measure_side
from longwrite.train.compare_page import render_comparison
from longwrite.train.held_out import HeldOut
from longwrite.train.replies import Answer, Way
from longwrite.types import Brief, Message
from longwrite.verdicts import score_text
from tests.browser import needs_browser, show
from tests.faults.hostile import MARKUP, TEXTS, Amount, Tell, try_cases
from tests.test_page import Page

SHOWN = re.compile(
    "html|head|meta|title|style|body|nav|main|article|section|header|footer|details|summary|h[1-6]|"
    "p|[uod]l|li|d[td]|a|em|strong|[bisq]|span|div|blockquote|pre|code|[hb]r|table|thead|tbody|t[rhd]|"
    "abbr|small|svg|g|rect|path|circle|line|polyline|text|tspan"
)
"""Elements of a page; none of them acts by itself."""
ACTS = re.compile(r"on\w+|src|srcset|srcdoc|style|action|formaction|data|xlink:href|http-equiv")
POLICY = re.compile(
    r'<meta http-equiv="Content-Security-Policy" content="default-src .none.[^"]*">'
)
TARGET = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)


def show_document(text: str, title: str) -> str:
    """Return the page of a document."""
    return render_page(text, title=title, language=title, summary={title: text})


def show_scores(text: str, title: str) -> str:
    """Return the page of scored texts."""
    return render_scores([score_text(f"# {title}\n\n{text}", name=title)] * 2, [text])


def show_lint(text: str, title: str) -> str:
    """Return the page of a lint."""
    rules = tuple(
        RuleCount(
            name, RULES[name].severity, 2, (Finding(name, RULES[name].severity, title, text, text),)
        )
        for name in sorted(RULES)[:3]
    )
    return report_page(LintReport(title, 3, {"completion": 3}, rules, lengths={1: 3}))


def show_funnel(text: str, title: str) -> str:
    """Return the page of a build's funnel."""
    funnel = Funnel([title])
    funnel.keep(text, 3)
    funnel.drop(Drop(title, title, text, text))
    return funnel_page(funnel, title)


def show_comparison(text: str, title: str) -> str:
    """Return the page of two models on one brief."""
    briefs = (HeldOut(title, Brief(text, 100), (Message("user", text),)),)
    base, tuned = (
        measure_side(name, title, briefs, [Answer(0, 0, said, ended=True)])
        for name, said in ((title, text), (text, f"{title}\n\n{text}"))
    )
    return render_comparison(compare_sides(base, tuned, briefs, Way("reply", 1, Settings())))


PAGES: Mapping[str, Callable[[str, str], str]] = {
    "document": show_document,
    "scores": show_scores,
    "lint": show_lint,
    "funnel": show_funnel,
    "comparison": show_comparison,
}


def assert_harmless(html: str) -> None:
    """See with a parser's eyes that a page is whole, and holds nothing that could act."""
    assert html.count("<style>") == html.count("</style>") == 1
    assert sum("http-equiv" in attributes for _, attributes in Page(html).elements) == 1
    page = Page(POLICY.sub("", html))
    assert all(SHOWN.fullmatch(name) for name, _ in page.elements)
    for _, attributes in page.elements:
        assert not [name for name in attributes if ACTS.fullmatch(name)]
    for target in page.values("a", "href"):
        assert TARGET.match(target)
    assert not re.search(
        "[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", html
    )


@pytest.mark.parametrize("kind", PAGES)
def test_no_text_becomes_a_part_of_a_page_that_acts(kind: str, tell: Tell, amount: Amount) -> None:
    def show(text: str, title: str) -> None:
        assert_harmless(PAGES[kind](text, title))

    tell("generated pages", try_cases(show, TEXTS, TEXTS, most=amount(15, 1_000)))


@pytest.mark.parametrize("kind", PAGES)
def test_no_known_attack_becomes_a_part_of_a_page(kind: str) -> None:
    for attack in MARKUP:
        assert_harmless(PAGES[kind](f"{attack}\n\n{attack}", attack))


@needs_browser
def test_a_real_browser_runs_nothing_even_without_the_policy(
    tmp_path: Path, amount: Callable[[int, int], int]
) -> None:
    attack = "\n\n".join(MARKUP).replace("alert(1)", "document.title=7")
    for kind in list(PAGES)[: amount(1, len(PAGES))]:
        page = tmp_path / f"{kind}.html"
        page.write_text(POLICY.sub("", PAGES[kind](attack, attack)), "utf-8")
        title, shown = show(page, tmp_path / "profile")
        assert title != "7", kind
        assert "</html>" in shown
