"""A document as one HTML page that can be read, kept and printed, and that runs nothing.

The text comes from a model, so it is never trusted: no raw HTML, no image is loaded, links lead
only to the web, to mail or to a heading, and the page's own policy forbids everything but its one
style sheet, should any of that fail.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from longwrite.text import words

_RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"})
_CONTENTS = {
    "ar": "المحتويات",
    "de": "Inhalt",
    "en": "Contents",
    "es": "Contenido",
    "fr": "Sommaire",
    "it": "Indice",
    "ja": "目次",
    "ko": "차례",
    "nl": "Inhoud",
    "pt": "Conteúdo",
    "ru": "Содержание",
    "zh": "目录",
}
_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")
_SAFE_LINK = re.compile(r"(?:https?://|mailto:|#)\S", re.IGNORECASE)
# Characters that reorder those around them, and those that HTML does not allow.
_HIDDEN = re.compile(
    "[\u202a-\u202e\u2066-\u2069\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]"
)
_DIRECTION_MARK = re.compile("[\u200e\u200f\u061c]")
_ALIGN = re.compile(r"text-align:(left|center|right)")
_DEPTH = 3  # levels of headings that the contents show


class _Entry(NamedTuple):
    """A line of the contents."""

    level: int
    words: str
    anchor: str


class _Parser(MarkdownIt):
    """Markdown without raw HTML; links are judged after parsing, so that none is left as text."""

    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False})
        self.enable(["table", "strikethrough"])
        self.add_render_rule("image", _image)
        self.add_render_rule("table_open", lambda *_: '<div class="table"><table>\n')
        self.add_render_rule("table_close", lambda *_: "</table></div>\n")

    def validateLink(self, url: str) -> bool:
        return True


def render_page(
    markdown: str, *, title: str, language: str = "en", summary: Mapping[str, str] | None = None
) -> str:
    """Return a document as one self-contained HTML page.

    Args:
        markdown: The document. Raw HTML in it is shown as text, an image as its description.
        title: Title of the page; also its heading where the document does not open with one.
        language: Code of the document's language, such as ``en`` or ``zh-Hant``.
        summary: What the footer says, name to value, such as words and model.
    """
    parser = _Parser()
    tokens = parser.parse(_HIDDEN.sub("", markdown))
    entries = _prepare(tokens)
    name = _plain(title)
    titled = _opens_with_title(tokens, entries, name)
    heading = f"<h1>{escape(name)}</h1>\n" if name and not titled else ""
    body = parser.renderer.render(tokens, parser.options, {})
    code = language if _LANGUAGE.fullmatch(language) else ""
    base = code.partition("-")[0].lower()
    contents = _contents(entries[1:] if titled else entries, _CONTENTS.get(base, _CONTENTS["en"]))
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    return (
        f"<!DOCTYPE html>\n<html{_attributes(code, base)}>\n<head>\n"
        '<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(name or 'Document')}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{contents}<main>\n<article>\n{heading}{body}</article>\n{_footer(summary or {})}</main>\n"
        "</body>\n</html>\n"
    )


def _attributes(code: str, base: str) -> str:
    direction = ' dir="rtl"' if base in _RIGHT_TO_LEFT else ""
    return (f' lang="{code}"' if code else "") + direction


def _plain(text: str) -> str:
    """Return a line of text without characters that hide or reorder others."""
    return " ".join(_DIRECTION_MARK.sub("", _HIDDEN.sub("", text)).split())


def _opens_with_title(tokens: Sequence[Token], entries: Sequence[_Entry], name: str) -> bool:
    """Tell whether the document shows its title itself, as its first line or only top heading."""
    if not entries or tokens[0].tag != "h1":
        return False
    alone = sum(entry.level == 1 for entry in entries) == 1
    return alone or words(entries[0].words) == words(name)


# --- what the text may do ------------------------------------------------------------------------


def _prepare(tokens: Sequence[Token]) -> list[_Entry]:
    """Make links and tables harmless, give the headings anchors, and return the headings."""
    entries: list[_Entry] = []
    taken: dict[str, int] = {}
    for index, token in enumerate(tokens):
        if token.type == "inline":
            _tame(token.children or [])
        if align := _ALIGN.fullmatch(str(token.attrs.pop("style", ""))):
            token.attrs["class"] = align.group(1)
        if token.type == "heading_open":
            children = tokens[index + 1].children or []
            for child in children:
                child.content = _DIRECTION_MARK.sub("", child.content)
            shown = _plain("".join(_shown(children)))
            anchor = _anchor(shown, taken)
            token.attrs["id"] = anchor
            if shown:
                entries.append(_Entry(int(token.tag[1]), shown, anchor))
    return entries


def _tame(children: Sequence[Token]) -> None:
    """Turn links to anywhere but the web, mail and headings into plain words."""
    inside = safe = False
    for token in children:
        if token.type == "link_open":
            inside = True
            safe = bool(_SAFE_LINK.match(str(token.attrs.get("href", ""))))
            token.attrs["rel"] = "noopener noreferrer"
        elif token.type == "image" and inside:
            token.attrs.pop("src", None)  # a link holds no link
        if token.type in ("link_open", "link_close") and not safe:
            token.tag, token.attrs = "span", {}
        inside = inside and token.type != "link_close"


def _image(_: Any, tokens: Sequence[Token], index: int, *__: Any) -> str:
    """Render an image as its description, which leads to it where it is on the web."""
    token = tokens[index]
    source = str(token.attrs.get("src", ""))
    shown = escape("".join(_shown(token.children or [])) or "image")
    if source.lower().startswith(("https://", "http://")):
        return f'<a class="image" href="{escape(source)}" rel="noopener noreferrer">{shown}</a>'
    return f'<span class="image">{shown}</span>'


def _shown(children: Sequence[Token]) -> Iterator[str]:
    for token in children:
        if token.type == "image":
            yield from _shown(token.children or [])
        else:
            yield " " if token.type.endswith("break") else token.content


def _anchor(shown: str, taken: dict[str, int]) -> str:
    """Return an id made of a heading's words that no other heading has."""
    base = re.sub(r"\W+", "-", shown.lower()).strip("-")[:60] or "section"
    anchor = base
    while anchor in taken:
        taken[base] += 1
        anchor = f"{base}-{taken[base]}"
    taken[anchor] = 1
    return anchor


# --- around the text -----------------------------------------------------------------------------


def _contents(entries: Sequence[_Entry], label: str) -> str:
    """Return the contents twice, beside the text and folded above it; the style shows one."""
    if len(entries) < 2:
        return ""
    tree = _tree(entries)
    return (
        f'<nav class="beside" aria-label="{label}">\n<p>{label}</p>\n{tree}</nav>\n'
        f'<details class="above">\n<summary>{label}</summary>\n'
        f'<nav aria-label="{label}">\n{tree}</nav>\n</details>\n'
    )


def _tree(entries: Sequence[_Entry]) -> str:
    top = min(entry.level for entry in entries)
    parts: list[str] = []
    levels: list[int] = []
    for level, shown, anchor in entries:
        if level >= top + _DEPTH:
            continue
        if levels and level <= levels[-1]:
            while len(levels) > 1 and level < levels[-1]:
                parts.append("</li></ol>")
                levels.pop()
            parts.append("</li>")
            levels[-1] = level
        else:
            parts.append("<ol>")
            levels.append(level)
        parts.append(f'\n<li><a href="#{escape(anchor)}">{escape(shown)}</a>')
    return "".join([*parts, "</li></ol>" * len(levels), "\n"])


def _footer(summary: Mapping[str, str]) -> str:
    rows = "".join(
        f"<div><dt>{escape(_plain(name))}</dt> <dd>{escape(_plain(value))}</dd></div>\n"
        for name, value in summary.items()
    )
    return f"<footer>\n<dl>\n{rows}</dl>\n</footer>\n" if rows else ""


_STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fcfbf8; --ink: #24211c; --soft: #726b60; --line: #e5dfd3; --tint: #f4f0e7;
  --accent: #9a3b26;
  --serif: "Iowan Old Style", "Palatino Linotype", Palatino, "Source Serif 4", Charter, Georgia,
    "Noto Serif", serif;
  --sans: system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Code", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #191816; --ink: #d9d4c9; --soft: #979083; --line: #37342e; --tint: #23211e;
    --accent: #e39b80;
  }
}
* { box-sizing: border-box; }
html { font-size: 112.5%; scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.65 var(--serif); overflow-wrap: break-word; text-rendering: optimizeLegibility;
}
main { max-width: calc(70ch + 3rem); margin: 0 auto; padding: 4.5rem 1.5rem 3rem; }
a { color: inherit; text-decoration-color: var(--accent); text-underline-offset: .18em;
  text-decoration-thickness: .06em; }
a:hover { color: var(--accent); }
h1, h2, h3, h4, h5, h6 { line-height: 1.25; font-weight: 600; text-wrap: balance;
  scroll-margin-top: 1.5rem; }
h1 { font-size: 2.3rem; letter-spacing: -.015em; line-height: 1.15; margin: 3.5em 0 .9em; }
article > h1:first-child { margin-top: 0; padding-bottom: .55em;
  border-bottom: 1px solid var(--line); }
h2 { font-size: 1.5rem; letter-spacing: -.008em; margin: 2.6em 0 .7em; }
h3 { font-size: 1.18rem; margin: 2.1em 0 .5em; }
h4, h5, h6 { font-size: 1rem; margin: 1.8em 0 .4em; }
h5, h6 { color: var(--soft); }
:target { color: var(--accent); }
p, ul, ol, blockquote, pre, .table { margin: 0 0 1.1em; }
p { hyphens: auto; text-wrap: pretty; }
ul, ol { padding-inline-start: 1.6em; }
li { margin: .25em 0; }
li > ul, li > ol { margin: .25em 0; }
li::marker { color: var(--soft); }
li > p { margin-bottom: .5em; }
blockquote { margin-inline: 0; padding-inline-start: 1.3em; color: var(--soft);
  border-inline-start: 3px solid var(--line); }
blockquote > :last-child { margin-bottom: 0; }
hr { border: 0; margin: 2.6em 0; text-align: center; color: var(--soft); }
hr::before { content: "∗∗∗"; letter-spacing: 1em; margin-inline-start: 1em; }
code, pre { font-family: var(--mono); font-size: .84em; font-variant-ligatures: none; }
code { background: var(--tint); border-radius: 4px; padding: .12em .35em; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: 8px;
  padding: 1em 1.2em; overflow-x: auto; line-height: 1.5; direction: ltr; text-align: left; }
pre code { background: none; padding: 0; font-size: 1em; }
.table { overflow-x: auto; }
table { border-collapse: collapse; min-width: 100%; font-size: .92em; line-height: 1.45;
  font-variant-numeric: lining-nums tabular-nums; }
th, td { padding: .55em .9em; text-align: start; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { padding-inline-start: .2em; }
th { font-weight: 600; border-bottom: 2px solid var(--ink); white-space: nowrap; }
tbody tr:last-child td { border-bottom: 2px solid var(--line); }
.left { text-align: left; } .center { text-align: center; } .right { text-align: right; }
.image { font-style: italic; color: var(--soft); }
nav { font: .8rem/1.4 var(--sans); }
nav ol { list-style: none; margin: 0; padding: 0; }
nav ol ol { padding-inline-start: .9em; margin: .1em 0 .35em; }
nav li { margin: 0; }
nav a { display: block; padding: .26em 0; color: var(--soft); text-decoration: none; }
nav > ol > li > a { color: var(--ink); }
nav a:hover { color: var(--accent); }
.beside { display: none; }
.above { max-width: calc(70ch + 3rem); margin: 0 auto; padding: 1rem 1.5rem;
  border-bottom: 1px solid var(--line); font: .85rem/1.4 var(--sans); }
.above summary { cursor: pointer; color: var(--soft); }
.above nav { padding-top: .8rem; font-size: .9rem; }
.above + main { padding-top: 2.5rem; }
footer { margin-top: 5rem; padding-top: 1.2rem; border-top: 1px solid var(--line);
  font: .75rem/1.5 var(--sans); color: var(--soft); }
dl { margin: 0; display: flex; flex-wrap: wrap; gap: .3rem 1.8rem; }
dt, dd { display: inline; margin: 0; }
dd { color: var(--ink); font-variant-numeric: tabular-nums; }
:root:lang(zh) { --serif: "Songti SC", "Source Han Serif SC", "Noto Serif CJK SC", SimSun, serif; }
:root:lang(zh-Hant), :root:lang(zh-TW), :root:lang(zh-HK) {
  --serif: "Songti TC", "Source Han Serif TC", "Noto Serif CJK TC", PMingLiU, serif; }
:root:lang(ja) { --serif: "Hiragino Mincho ProN", "Yu Mincho", "Noto Serif CJK JP", serif; }
:root:lang(ko) { --serif: "Nanum Myeongjo", "Noto Serif CJK KR", Batang, serif; }
body:lang(zh), body:lang(ja), body:lang(ko) { line-height: 1.85; }
:lang(zh) p, :lang(ja) p { text-align: justify; hyphens: none; }
:lang(zh) em, :lang(ja) em { font-style: normal; text-emphasis: filled dot; }
:lang(zh) em { text-emphasis-position: under right; }
:lang(zh) h1, :lang(ja) h1, :lang(zh) h2, :lang(ja) h2 { letter-spacing: .02em; line-height: 1.4; }
@media (min-width: 66rem) {
  body:has(.beside) { display: grid;
    grid-template-columns: minmax(0, 1fr) 17rem minmax(0, calc(70ch + 3rem)) minmax(0, 1.4fr); }
  .above { display: none; }
  .beside { grid-column: 2; display: block; position: sticky; top: 0; max-height: 100vh;
    overflow-y: auto; padding: 4.9rem 1.5rem 3rem; scrollbar-width: thin;
    overscroll-behavior: contain; }
  .beside p { margin: 0 0 .9em; color: var(--soft); font-size: .72rem; letter-spacing: .12em;
    text-transform: uppercase; }
  .beside ~ main { grid-column: 3; width: 100%; padding-top: 4.5rem; }
}
@media (max-width: 36rem) {
  html { font-size: 106.25%; }
  main { padding-inline: 1.15rem; }
  .above { padding-inline: 1.15rem; }
  h1 { font-size: 1.85rem; }
  h2 { font-size: 1.35rem; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --tint: #f5f5f5; --accent: #000; }
  @page { margin: 22mm 20mm; }
  html { font-size: 11pt; }
  body:has(.beside) { display: block; }
  .beside ~ main, main { max-width: none; padding: 0; }
  .beside, .above { display: none; }
  h1, h2, h3, h4 { break-after: avoid; }
  p { orphans: 3; widows: 3; }
  pre, blockquote, tr { break-inside: avoid; }
  pre { white-space: pre-wrap; }
  a { text-decoration: none; }
}
"""
