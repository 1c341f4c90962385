"""A comparison as one HTML page that is read offline and runs nothing.

Replies come from models that nobody vouches for: all is escaped, the page has no script, and its
own policy forbids everything but its one style sheet.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Iterable
from html import escape

from longwrite.data.funnel import plain
from longwrite.train.compare import ALL, Comparison, Line, Side, describe_way
from longwrite.train.compare_plots import plot_differences, plot_groups, plot_lengths
from longwrite.train.compare_table import LEAST_BRIEFS, list_lines, show_cells
from longwrite.train.measuring import MEASURES, Values, find_asked
from longwrite.train.replies import Answer

SHOWN = 20
"""Briefs whose replies stand on the page."""
_HEAD, _TAIL = 1_200, 400
"""Characters shown of a reply: of its beginning, and of its end."""


def render_comparison(comparison: Comparison) -> str:
    """Return the page of a comparison."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    base, tuned = _safe(comparison.base.name), _safe(comparison.tuned.name)
    title = f"{tuned} against {base}"
    body = [
        f"<h1>{title}</h1>",
        f'<p><span class="key base"></span>base: {base} '
        f'<span class="key tuned"></span>tuned: {tuned}. '
        f"{len(comparison.briefs):,} held-out briefs, "
        f"{_safe(describe_way(comparison.way), 400)}.</p>",
        *(f'<p class="note">{_safe(note, 400)}</p>' for note in comparison.notes),
        "<h2>Length asked for and length delivered</h2>",
        plot_lengths(comparison),
        "<h2>S_l by the length asked for</h2>",
        plot_groups(comparison),
        "<h2>What changed</h2>",
        plot_differences(comparison),
        "<h2>Every measure</h2>",
        _table(list_lines(comparison)),
        _meanings(),
        "<h2>Replies</h2>",
        _replies(comparison),
        _made(comparison),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _safe(text: str, most: int = 200) -> str:
    return escape(plain(text, most))


def _table(lines: Iterable[Line]) -> str:
    rows = []
    for line in lines:
        measure = MEASURES[line.measure]
        *cells, verdict = show_cells(line)
        name = escape(measure.title) if line.group == ALL else f"asked {escape(line.group)}"
        kind = "" if line.group == ALL else ' class="part"'
        way = {"more": "more is better", "less": "less is better", "": ""}[measure.better]
        rows.append(
            f"<tr{kind}><td>{name}</td><td>{way if line.group == ALL else ''}</td>"
            + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
            + f'<td class="{verdict}">{verdict}</td></tr>'
        )
    names = ("", "", "Base", "Tuned", "Difference [95 %]", "Gain [95 %]", "Briefs", "")
    head = "".join(f"<th>{name}</th>" for name in names)
    return (
        f'<div class="wide"><table class="figures"><tr>{head}</tr>{"".join(rows)}</table></div>'
        "<p>Intervals are a paired bootstrap over the briefs. A gain is (after − before) / (best − "
        "before); for words it is the ratio. <i>Better</i> and <i>worse</i> stand where the "
        f"interval of the difference leaves out 0, from {LEAST_BRIEFS} briefs on. The intervals "
        "cover which briefs were asked and how replies were drawn; another seed of the training is "
        "not in them.</p>"
    )


def _meanings() -> str:
    rows = "".join(
        f"<dt>{escape(one.title)}</dt><dd>{escape(one.told)}</dd>" for one in MEASURES.values()
    )
    return f"<details><summary>What the measures mean</summary><dl>{rows}</dl></details>"


def _replies(comparison: Comparison) -> str:
    base, tuned = _first(comparison.base), _first(comparison.tuned)
    parts = []
    for place, one in enumerate(comparison.briefs[:SHOWN]):
        asked = find_asked(one.brief)
        wish = f" · {asked:,} words asked for" if asked else ""
        shown = f"{_safe(one.id, 80)}{wish}: {_safe(one.brief.prompt, 120)}"
        parts.append(
            f"<details{'' if place else ' open'}><summary>{shown}"
            f'</summary><p class="prompt">{_passage(one.brief.prompt)}</p><div class="pair">'
            f"{_reply('base', base.get(place))}{_reply('tuned', tuned.get(place))}</div></details>"
        )
    rest = len(comparison.briefs) - SHOWN
    if rest > 0:
        parts.append(f"<p>… and {rest:,} more briefs, in replies.jsonl.</p>")
    return "\n".join(parts)


def _first(side: Side) -> dict[int, tuple[Answer, Values]]:
    """Return the first sample of each brief."""
    pairs = zip(side.answers, side.values, strict=True)
    return {one.brief: (one, values) for one, values in pairs if one.sample == 0}


def _reply(kind: str, found: tuple[Answer, Values] | None) -> str:
    head = f'<h3><span class="key {kind}"></span>{kind}</h3>'
    if found is None:
        return f"<div>{head}<p>There is no reply.</p></div>"
    answer, values = found
    if answer.failed:
        return f"<div>{head}<p>Failed: {_safe(answer.failed, 300)}</p></div>"
    told = [f"{values.get('words') or 0:,.0f} words", "ended" if answer.ended else "cut"]
    if values.get("loop_free") == 0:
        told.append("loops")
    for name in ("s_l", "soundness"):
        value = values.get(name)
        if value is not None:
            told.append(f"{MEASURES[name].title} {value:.2f}")
    return (
        f"<div>{head}<p><small>{escape(', '.join(told))}</small></p>"
        f'<p class="text">{_passage(answer.text) or "<i>Empty.</i>"}</p></div>'
    )


def _passage(text: str) -> str:
    """Return a text's beginning and end, its lines kept and nothing in it that acts."""
    if len(text) > _HEAD + _TAIL:
        left_out = len(text) - _HEAD - _TAIL
        text = f"{text[:_HEAD]}\n[… {left_out:,} characters …]\n{text[-_TAIL:]}"
    kept = "".join(
        char if char == "\n" or unicodedata.category(char) not in _ACTING else " " for char in text
    )
    return escape(kept.strip())


_ACTING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})


def _made(comparison: Comparison) -> str:
    rows = "".join(
        f"<tr><td>{kind}</td><td>{_safe(side.name)}</td><td><code>{_safe(side.identity, 90)}</code>"
        f"</td><td>{len(side.answers):,}</td><td>{side.failed:,}</td><td>{side.empty:,}</td></tr>"
        for kind, side in (("base", comparison.base), ("tuned", comparison.tuned))
    )
    names = ("", "Model", "Known as", "Replies", "Failed", "Empty")
    head = "".join(f"<th>{name}</th>" for name in names)
    return f'<h2>How it was made</h2><div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


_STYLE = """
:root{color-scheme:light dark;--base:#b07f2a;--tuned:#2b4c6f;--ground:#eef1f4;--bad:#b3412f;
--good:#3f7d58;--text:#1d2227;--page:#fff;--line:#d9dee3}
@media(prefers-color-scheme:dark){:root{--base:#d9b35f;--tuned:#8fb3d9;--ground:#262c33;
--bad:#e0806c;--good:#7fc29b;--text:#e4e7ea;--page:#15181c;--line:#333a42}}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:980px;margin:0 auto;padding:2rem 1.2rem 4rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{margin-top:2.5rem;font-size:1.15rem}
h3{margin:.6rem 0 0;font-size:1rem}.wide{overflow-x:auto}.note{border-left:3px solid var(--base);
padding-left:.7rem}
.key{display:inline-block;width:.7rem;height:.7rem;border-radius:50%;margin:0 .35rem 0 .6rem}
.key.base{background:var(--base)}.key.tuned{background:var(--tuned)}.key:first-child{margin-left:0}
table{border-collapse:collapse;width:100%;font-size:.9rem}
td,th{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0}
td{overflow-wrap:anywhere}.figures td,.figures th{white-space:nowrap}
.figures td:nth-child(n+3),.figures th:nth-child(n+3){text-align:right}
.figures td:nth-child(2){opacity:.7}.figures td:nth-child(8){text-align:left}
tr{border-top:1px solid var(--line)}tr.part{border-top:0}tr.part td:first-child{padding-left:1.2rem;
opacity:.8}.better{color:var(--good);font-weight:600}.worse{color:var(--bad);font-weight:600}
svg{display:block;max-width:100%;min-width:600px}text{fill:var(--text);font-size:13px}
.axis{stroke:var(--line);fill:none}.truth{stroke:var(--text);stroke-dasharray:4 4;opacity:.5}
.dot.base{fill:var(--base)}.dot.tuned{fill:var(--tuned)}.dot{fill-opacity:.75}
.cut.base{stroke:var(--base)}.cut.tuned{stroke:var(--tuned)}.cut{fill:none;stroke-width:1.5}
line.base{stroke:var(--base)}line.tuned{stroke:var(--tuned)}line.better{stroke:var(--good)}
line.worse{stroke:var(--bad)}circle.better{fill:var(--good)}circle.worse{fill:var(--bad)}
circle.none{fill:var(--text)}line.none{stroke:var(--text)}.whisker{stroke-width:2}
.end{text-anchor:end}.middle{text-anchor:middle}
details{border-top:1px solid var(--line);padding:.4rem 0}summary{cursor:pointer;
overflow-wrap:anywhere}.pair{display:grid;grid-template-columns:1fr 1fr;gap:1.5rem}
.pair>div{min-width:0}.text,.prompt{white-space:pre-wrap;overflow-wrap:anywhere}
.text{background:var(--ground);padding:.8rem;font-size:.9rem;margin:.3rem 0}
dt{font-weight:600}dd{margin:0 0 .5rem 0}code{font-size:.85em}
@media(max-width:700px){.pair{grid-template-columns:1fr}}
@media print{main{max-width:none}}
"""
