"""The page shows a document well, and whatever the document holds, nothing of it runs."""

import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longwrite.page import render_page

VOID = {"meta", "br", "hr", "link", "img", "input"}
ALLOWED = re.compile(
    "html|head|meta|title|style|body|nav|p|ol|ul|li|a|details|summary|main|article|h[1-6]|"
    "blockquote|pre|code|em|strong|s|span|div|table|thead|tbody|tr|th|td|hr|br|footer|dl|dt|dd"
)


class Page(HTMLParser):
    """What a browser would make of a page: its elements, and the text in them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.text[tag] = self.text.get(tag, "") + data

    def values(self, tag: str, attribute: str) -> list[str]:
        return [
            attrs[attribute] for name, attrs in self.elements if name == tag and attribute in attrs
        ]

    @property
    def ids(self) -> list[str]:
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]


def assert_harmless(html: str) -> Page:
    page = Page(html)
    for tag, attributes in page.elements:
        assert ALLOWED.fullmatch(tag)
        assert not [
            name for name in attributes if name.startswith("on") or name in ("src", "style")
        ]
    for target in page.values("a", "href"):
        assert re.match(r"(https?://|mailto:|#)", target, re.IGNORECASE)
    assert html.count("<style") == html.count("</style") == 1
    return page


HOSTILE = [
    "<script>alert(1)</script>",
    "Text <img src=x onerror=alert(1)> and <svg/onload=alert(1)>",
    "[a](javascript:alert(1)) [b](JaVaScRiPt:alert(1)) [c](&#106;avascript:alert(1))",
    "[a](data:text/html;base64,PA==) [b](vbscript:x) [c](file:///etc/passwd) [d](//evil.org)",
    "<javascript:alert(1)> <https://example.org/a>",
    "![x](https://example.org/a.png) ![y](data:image/png;base64,AA) [![z](a.png)](javascript:1)",
    "[ref]\n\n[ref]: javascript:alert(1) 'title'",
    '[a](https://example.org/"onmouseover="alert(1) "t\\" onclick=\\"x")',
    '```"><script>alert(1)</script>\ncode\n```',
    "</style><script>alert(1)</script></article></main></body>",
    "# </title><script>alert(1)</script>",
    "# <a id=x href=javascript:alert(1)>x</a>\n\n## [x](javascript:alert(1))",
    "| a |\n|:-:|\n| <iframe src=//evil.org> |",
    "<!-- --><style>*{background:url(//evil.org)}</style>",
    "a\x00b\ud800c <scr\x00ipt>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_text_runs(text: str) -> None:
    html = render_page(text, title=text, language=text, summary={text: text})
    page = assert_harmless(html)
    html.encode("utf-8")
    assert "alert(1)" not in page.text.get("style", "")


@given(st.lists(st.sampled_from([*HOSTILE, *"<>\"'`#[]()!&*_|\n -:/"]), max_size=12).map("".join))
@settings(deadline=None)
def test_no_mixture_runs_either(text: str) -> None:
    assert_harmless(render_page(text, title=text, summary={"words": text}))


def test_the_policy_forbids_all_but_the_style() -> None:
    policy = next(
        attrs["content"]
        for tag, attrs in Page(render_page("Text.", title="T")).elements
        if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; style-src 'sha256-")


def test_raw_html_and_unsafe_links_are_shown_as_words() -> None:
    page = Page(render_page("<b>bold</b> [words](javascript:1) ![map](data:x)", title="T"))
    assert "<b>bold</b> words map" in page.text["article"]
    assert page.values("a", "href") == []


def test_an_image_on_the_web_is_a_link_to_it() -> None:
    page = Page(render_page("![A map](https://example.org/m.png)", title="T"))
    assert page.values("a", "href") == ["https://example.org/m.png"]
    assert "A map" in page.text["a"]


TEXT = """# The Light

## Part I

### Fire & *stone*

### Fire & *stone*

## 第二部分 镜片

#### Deep

## !!!

See [the fire](#fire-stone).
"""


def test_the_contents_lead_to_unique_anchors() -> None:
    page = Page(render_page(TEXT, title="The Light"))
    assert len(page.ids) == len(set(page.ids)) == 7
    targets = page.values("a", "href")
    assert {unquote(target) for target in targets} <= {f"#{anchor}" for anchor in page.ids}
    assert "#第二部分-镜片" in targets
    assert "#fire-stone-2" in targets
    assert page.text["title"] == "The Light"
    assert "The Light" not in page.text["nav"]


def test_a_duplicate_heading_never_takes_the_anchor_of_another() -> None:
    page = Page(render_page("# a\n\n# a-2\n\n# a\n\n# a\n\n# a-2", title="T"))
    assert len(set(page.ids)) == 5


@pytest.mark.parametrize("text", ["# One\n\nText.", "Text alone.", ""])
def test_a_text_without_parts_has_no_contents(text: str) -> None:
    page = Page(render_page(text, title="One"))
    assert "nav" not in page.text
    assert sum(tag == "h1" for tag, _ in page.elements) == 1


def test_a_document_without_its_title_is_given_one() -> None:
    page = Page(render_page("# Chapter 1\n\nText.\n\n# Chapter 2\n\nText.", title="The Light"))
    assert page.text["h1"].startswith("The Light")
    assert page.values("a", "href") == ["#chapter-1", "#chapter-2"] * 2


@given(st.lists(st.integers(1, 6), min_size=2, max_size=20))
@settings(deadline=None)
def test_any_order_of_ranks_makes_sound_contents(levels: list[int]) -> None:
    text = "\n\n".join(f"{'#' * level} H{index}" for index, level in enumerate(levels))
    assert_harmless(render_page(text, title=""))


def test_language_and_direction_are_told() -> None:
    elements = dict(Page(render_page("# منارة\n\nنص", title="منارة", language="ar")).elements)
    assert elements["html"] == {"lang": "ar", "dir": "rtl"}
    assert dict(Page(render_page("x", title="x", language="zh-Hant")).elements)["html"] == {
        "lang": "zh-Hant"
    }
    page = Page(render_page("# 甲\n\n## 乙\n\n## 丙", title="甲", language="zh"))
    assert page.text["summary"] == "目录"


def test_hidden_direction_controls_are_taken_out() -> None:
    hidden = "\u202e\u2066\u200f"
    html = render_page(f"# A{hidden}B\n\n# C\u202e", title=f"T{hidden}", summary={"n": hidden})
    assert not set(hidden) & set(html)


def test_tables_code_and_summary() -> None:
    text = "| a | b |\n|:--|--:|\n| 1 | 2 |\n\n```py\nx < 1\n```\n\n- a\n  - b\n"
    page = Page(render_page(text, title="T", summary={"Words": "1,000 of <1,000"}))
    assert page.values("td", "class") == ["left", "right"]
    assert page.text["code"] == "x < 1\n"
    assert page.text["dd"] == "1,000 of <1,000"
