"""Scores as one HTML page that is read offline and runs nothing.

Titles and quotes come from texts that nobody vouches for: all is escaped, the page has no script,
and its own policy forbids everything but its one style sheet.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib.resources import files

from longwrite.rewards.judgement import Judgement, describe_judge
from longwrite.rewards.quality import load_dimensions
from longwrite.scoring.report import Copy, Strip
from longwrite.types import Score
from longwrite.verdicts import Scored

SHOWN = 50
"""Texts that are shown in full; of more there is only the table."""

_BAR = (
    '<svg class="bar" viewBox="0 0 100 10"><rect class="ground" width="100" height="10"/>'
    '<rect class="ink" width="{:.1f}" height="10"/></svg>'
)
_QUOTED = 160
_WORDS_SHOWN = 20
_PLACES = 3


def render_scores(rows: Sequence[Scored], unreadable: Sequence[str] = ()) -> str:
    """Return the page of some texts.

    Args:
        rows: The texts.
        unreadable: What is to be said of those that gave no text.
    """
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    title = rows[0].report.name if len(rows) == 1 else f"{len(rows):,} texts"
    shown = rows[:SHOWN]
    body = [f"<h1>{_plain(title)}</h1>"]
    if len(rows) > 1:
        body.append(_index(rows))
    if len(rows) > SHOWN:
        body.append(f"<p>The first {SHOWN} of {len(rows):,} texts are shown in full.</p>")
    if unreadable:
        body += [
            "<h2>Not scored</h2><ul>",
            *(f"<li>{_plain(one)}</li>" for one in unreadable),
            "</ul>",
        ]
    body += [_one(number, row, alone=len(rows) == 1) for number, row in enumerate(shown)]
    body.append(_definitions())
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_plain(title)} – scores</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _plain(text: str, most: int = 200) -> str:
    kept = "".join(char if char.isprintable() else " " for char in text[: 4 * most])
    short = " ".join(kept.split())
    return escape(short[:most] + ("…" if len(short) > most else ""))


def _number(value: float | None, form: str = ".2f") -> str:
    return "–" if value is None else format(value, form)


def _index(rows: Sequence[Scored]) -> str:
    lines = [
        f'<tr><td><a href="#t{number}">{_plain(row.report.name, 80)}</a></td>'
        f"<td>{row.delivered:,}</td><td>{f'{row.asked:,}' if row.asked else '–'}</td>"
        f"<td>{_number(row.length.value if row.length else None)}</td>"
        f"<td>{_number(row.report.soundness)}</td>"
        f"<td>{_number(row.report.scores['repeats'].value)}</td>"
        f"<td>{_number(row.report.scores['cohesion'].value)}</td>"
        f"<td>{_number(row.report.scores['ending'].value, '.0f')}</td></tr>"
        for number, row in enumerate(rows)
    ]
    head = "".join(
        f"<th>{name}</th>"
        for name in ("Text", "Words", "Asked", "Length", "Sound", "Repeats", "Cohesion", "Ends")
    )
    return f'<div class="wide"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def _one(number: int, row: Scored, *, alone: bool) -> str:
    head = "" if alone else f"<h2>{_plain(row.report.name)}</h2>"
    parts = [
        f'<section id="t{number}">', head, _length(row),
        "<h3>Along the text</h3>", _strips(row.report.strips),
        "<h3>Passages that stand again</h3>", _copies(row.report.copies),
    ]  # fmt: skip
    if row.constraints:
        parts += ["<h3>What was required</h3>", _constraints(row)]
    parts += ["<h3>Every measure</h3>", _measures(row, row.report.scores)]
    if row.judged:
        parts += ["<h3>What the judge says</h3>", _judged(row.judged)]
    return "\n".join([*parts, "</section>"])


def _length(row: Scored) -> str:
    said = f"<b>{row.delivered:,}</b> words ({escape(row.counter)})"
    if not row.asked:
        return f"<p>{said}. Nobody said how many were asked for.</p>"
    most = max(row.delivered, row.asked) or 1
    bars = (
        '<svg class="length" viewBox="0 0 600 44" role="img" '
        'aria-label="words delivered and asked">'
        f'<rect class="ink" x="0" y="4" width="{580 * row.delivered / most:.1f}" height="14"/>'
        f'<rect class="faint" x="0" y="24" width="{580 * row.asked / most:.1f}" height="14"/></svg>'
    )
    score = (
        f", S_l {_number(100 * row.length.value, '.1f')}"
        if row.length and row.length.value is not None
        else ""
    )
    return f"<p>{said}, {row.asked:,} asked for{score}.</p>{bars}"


def _strips(strips: Sequence[Strip]) -> str:
    if not strips:
        return "<p>The text has no words.</p>"
    total = sum(strip.words for strip in strips)
    most = max(strip.words for strip in strips)
    rows: list[str] = []
    left = 0.0
    for strip in strips:
        width = 720 * strip.words / total
        x, w = f'x="{left + 0.5:.1f}"', f'width="{max(0.5, width - 1):.1f}"'
        tall, again = 60 * strip.words / most, 40 * strip.repeated
        near = 40 * min(1.0, 2 * (strip.kinship or 0.0))
        told = _plain(strip.title, 80) or f"from character {strip.start:,}"
        kin = "" if strip.kinship is None else f", {strip.kinship:.2f} like the one before"
        title = f"<title>{told}: {strip.words:,} words, {strip.repeated:.0%} repeated{kin}</title>"
        rows.append(
            f'<g>{title}<rect class="ink" {x} y="{60 - tall:.1f}" {w} height="{tall:.1f}"/>'
            f'<rect class="ground" {x} y="70" {w} height="40"/>'
            f'<rect class="bad" {x} y="{110 - again:.1f}" {w} height="{again:.1f}"/>'
            f'<rect class="ground" {x} y="120" {w} height="40"/>'
            f'<rect class="good" {x} y="{160 - near:.1f}" {w} height="{near:.1f}"/></g>'
        )
        left += width
    labels = "".join(
        f'<text x="728" y="{y}">{name}</text>'
        for y, name in ((34, "words"), (94, "repeated"), (144, "like the one before"))
    )
    return (
        '<div class="wide"><svg class="strips" viewBox="0 0 860 164" role="img" '
        f'aria-label="words, repetition and kinship along the text">{"".join(rows)}{labels}'
        "</svg></div>"
    )


def _copies(copies: Sequence[Copy]) -> str:
    if not copies:
        return "<p>No passage of ten words or more stands twice.</p>"
    arcs: list[str] = []
    for copy in copies:
        a, b = 720 * copy.start, 720 * copy.other
        rise = min(86.0, 6 + abs(a - b) / 4)
        middle, high = (a + b) / 2, 96 - rise * 1.1
        width = max(0.8, min(6.0, 720 * (copy.end - copy.start)))
        arcs.append(
            f'<path d="M{a:.1f} 96 Q{middle:.1f} {high:.1f} {b:.1f} 96" stroke-width="{width:.1f}">'
            f"<title>{copy.words:,} words</title></path>"
        )
    marks = "".join(
        f'<rect class="bad" x="{720 * copy.start:.1f}" y="97" '
        f'width="{max(0.8, 720 * (copy.end - copy.start)):.1f}" height="8"/>'
        for copy in copies
    )
    return (
        '<div class="wide"><svg class="copies" viewBox="0 0 720 108" role="img" '
        'aria-label="where passages stand again">'
        f'<line class="axis" x1="0" y1="96" x2="720" y2="96"/>{"".join(arcs)}{marks}</svg></div>'
        f"<p>{len(copies):,} passages; an arc joins the two places of each.</p>"
    )


def _constraints(row: Scored) -> str:
    lines = []
    for constraint, score in row.constraints:
        state = "none" if score.value is None else "yes" if score.value >= 1 else "no"
        sign = {"none": "doesn't apply", "yes": "holds", "no": "fails"}[state]
        where = f"{escape(constraint.scope)}{', hard' if constraint.hard else ''}"
        lines.append(
            f'<tr class="{state}"><td>{escape(constraint.kind)}</td>'
            f"<td>{_plain(constraint.quote)}</td><td>{where}</td><td>{sign}</td>"
            f"<td>{_plain(score.note)}{_evidence(row.text, score)}</td></tr>"
        )
    head = "<tr><th>Kind</th><th>In the brief</th><th>Where</th><th></th><th>Found</th></tr>"
    return f'<div class="wide"><table>{head}{"".join(lines)}</table></div>'


def _measures(row: Scored, scores: Mapping[str, Score]) -> str:
    lines = []
    for name, score in scores.items():
        value = score.value
        bar = "" if value is None else _BAR.format(100 * value)
        told = load_definitions().get(name, "")
        lines.append(
            f'<tr><td><abbr title="{escape(told, quote=True)}">{escape(name)}</abbr></td>'
            f"<td>{_number(value)}</td><td>{bar}</td>"
            f"<td>{_plain(score.note)}{_evidence(row.text, score)}</td></tr>"
        )
    head = "<tr><th>Measure</th><th>0–1</th><th></th><th>Found</th></tr>"
    return f'<div class="wide"><table>{head}{"".join(lines)}</table></div>'


def _judged(judged: Judgement) -> str:
    """Show who judged, what was shown, the marks with what they mean, and the judge's own words."""
    score, first = judged.score, next(iter(judged.verdicts), None)
    by = f"<p>{_plain(describe_judge(first.model, first.sampling))}.</p>" if first else ""
    lines = [
        f"<tr><td>{escape(name)}</td><td>{_number(score.parts.get(name), '.1f')}</td>"
        f"<td>{_BAR.format(25 * (score.parts[name] - 1)) if name in score.parts else ''}</td>"
        f"<td>{escape(told)}</td></tr>"
        for name, told in load_dimensions().items()
    ]
    head = "<tr><th>Respect</th><th>1–5</th><th></th><th>What it means</th></tr>"
    said = "".join(
        f"<li>{_plain(one.text, 1_000) or '–'} <b>{_plain(one.why)}</b></li>"
        for one in judged.verdicts[:_WORDS_SHOWN]
    )
    more = len(judged.verdicts) - _WORDS_SHOWN
    rest = f"<li>… and {more:,} more, in --json</li>" if more > 0 else ""
    return (
        f"<p><b>{escape(score.name)} {_number(score.value)}</b>. {_plain(score.note, 600)}</p>{by}"
        f'<div class="wide"><table>{head}{"".join(lines)}</table></div>'
        f"<details><summary>In the judge's words</summary><ol>{said}{rest}</ol></details>"
    )


def _evidence(text: str, score: Score) -> str:
    spans = [span for span in score.evidence if span.end > span.start]
    if not spans or (score.value or 0.0) >= 1:
        return ""
    quotes = "".join(
        f"<li><q>{_plain(text[span.start : min(span.end, span.start + 4 * _QUOTED)], _QUOTED)}</q> "
        f"<small>at {span.start:,}</small></li>"
        for span in spans[:_PLACES]
    )
    more = f"<li>… and {len(spans) - _PLACES:,} more</li>" if len(spans) > _PLACES else ""
    return f"<ul>{quotes}{more}</ul>"


@cache
def load_definitions() -> Mapping[str, str]:
    """Return what each measure means, by name."""
    lines = (files("longwrite.scoring") / "definitions.txt").read_text("utf-8").splitlines()
    return dict(line.split(": ", 1) for line in lines if line)


def _definitions() -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(told)}</dd>" for name, told in _items())
    return f"<h2>What the measures mean</h2><dl>{rows}</dl>"


def _items() -> Iterable[tuple[str, str]]:
    return load_definitions().items()


_STYLE = """
:root{--ink:#2b4c6f;--faint:#b9c7d6;--ground:#eef1f4;--bad:#b3412f;--good:#3f7d58;--text:#1d2227;
--page:#fff;--line:#d9dee3}
@media(prefers-color-scheme:dark){:root{--ink:#8fb3d9;--faint:#4b5d70;--ground:#262c33;--bad:#e0806c;
--good:#7fc29b;--text:#e4e7ea;--page:#15181c;--line:#333a42}}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:900px;margin:0 auto;padding:2rem 1.2rem 4rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{margin-top:3rem;overflow-wrap:anywhere}
h3{margin:2rem 0 .5rem;font-size:1rem}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
td,th{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0}
tr{border-top:1px solid var(--line)}
td:last-child{overflow-wrap:anywhere}
td ul{margin:.3rem 0 0;padding-left:1rem;color:inherit;opacity:.85}abbr{text-decoration:none}
svg{display:block;max-width:100%}.length{width:600px}.bar{width:100px;height:10px;margin-top:.4rem}
.strips{width:860px;min-width:600px}.copies{width:720px;min-width:500px}
.ink{fill:var(--ink)}.faint{fill:var(--faint)}.ground{fill:var(--ground)}.bad{fill:var(--bad)}
.good{fill:var(--good)}text{fill:var(--text);font-size:13px}
path{fill:none;stroke:var(--bad);opacity:.45}.axis{stroke:var(--faint)}
tr.no td:nth-child(4){color:var(--bad);font-weight:600}tr.yes td:nth-child(4){color:var(--good)}
dt{font-weight:600}dd{margin:0 0 .6rem 0}
@media print{main{max-width:none}}
"""
