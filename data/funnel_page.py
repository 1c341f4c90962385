"""The funnel of a build as one HTML page that is read offline and runs nothing.

Examples quote texts that nobody vouches for: all is escaped, the page has no script, and its own
policy forbids everything but its one style sheet.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape

from longwrite.data.funnel import Funnel, Stage, plain

_WIDTH, _LEFT, _STEP, _HEIGHT = 860, 150, 34, 20


def funnel_page(funnel: Funnel, title: str) -> str:
    """Return the page of a funnel: a plot of its stages, and a table of reasons for each.

    Args:
        funnel: What was counted.
        title: Of the page, such as the set's name.
    """
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    name = _safe(title) or "Funnel"
    lossy = [(stage, found) for stage, found in funnel.stages.items() if found.losses]
    body = [f"<h1>{name}</h1>", _summary(funnel), _plot(funnel)]
    body += [_stage(stage, found) for stage, found in lossy]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name} – funnel</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _safe(text: str, most: int = 200) -> str:
    return escape(plain(text, most))


def _summary(funnel: Funnel) -> str:
    stages = list(funnel.stages.values())
    if not stages:
        return "<p>No rows came.</p>"
    dropped = sum(stage.dropped for stage in stages)
    return (
        f"<p><b>{stages[0].entered:,}</b> rows came, <b>{stages[-1].kept:,}</b> stayed; "
        f"{dropped:,} were dropped on the way.</p>"
    )


def _plot(funnel: Funnel) -> str:
    """Draw a bar for each stage: what came out, and beside it what was dropped there."""
    stages = funnel.stages
    if not stages:
        return ""
    most = max(1, *(stage.entered for stage in stages.values()))
    scale = (_WIDTH - _LEFT - 120) / most
    rows: list[str] = []
    for number, (name, stage) in enumerate(stages.items()):
        y = number * _STEP
        kept, dropped = scale * stage.kept, scale * stage.dropped
        told = f"{_safe(name, 60)}: {stage.entered:,} in, {stage.kept:,} out"
        label = f"{stage.kept:,}" + (f"  −{stage.dropped:,}" if stage.dropped else "")
        rows.append(
            f"<g><title>{told}</title>"
            f'<text x="{_LEFT - 10}" y="{y + 15}" class="name">{_safe(name, 20)}</text>'
            f'<rect class="ink" x="{_LEFT}" y="{y}" width="{kept:.1f}" height="{_HEIGHT}"/>'
            f'<rect class="bad" x="{_LEFT + kept:.1f}" y="{y}" width="{dropped:.1f}" '
            f'height="{_HEIGHT}"/>'
            f'<text x="{_LEFT + kept + dropped + 8:.1f}" y="{y + 15}">{label}</text></g>'
        )
    return (
        f'<div class="wide"><svg viewBox="0 0 {_WIDTH} {len(stages) * _STEP}" role="img" '
        f'aria-label="rows through the stages">{"".join(rows)}</svg></div>'
    )


def _stage(name: str, stage: Stage) -> str:
    lines = []
    for reason, loss in stage.ranked():
        shown = "".join(
            f"<li><code>{_safe(id_, 80)}</code> {_safe(detail)}</li>"
            for id_, detail in loss.examples
        )
        share = loss.count / max(1, stage.entered)
        lines.append(
            f"<tr><td>{_safe(reason)}</td><td>{loss.count:,}</td><td>{share:.1%}</td>"
            f"<td><ul>{shown}</ul></td></tr>"
        )
    head = "<tr><th>Reason</th><th>Rows</th><th>Of those in</th><th>Examples</th></tr>"
    return (
        f"<h2>{_safe(name, 80)}</h2><p>{stage.dropped:,} of {stage.entered:,} dropped.</p>"
        f'<div class="wide"><table>{head}{"".join(lines)}</table></div>'
    )


_STYLE = """
:root{--ink:#2b4c6f;--bad:#b3412f;--text:#1d2227;--page:#fff;--line:#d9dee3}
@media(prefers-color-scheme:dark){:root{--ink:#8fb3d9;--bad:#e0806c;--text:#e4e7ea;--page:#15181c;
--line:#333a42}}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:900px;margin:0 auto;padding:2rem 1.2rem 4rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{margin-top:2.5rem;font-size:1.1rem}
.wide{overflow-x:auto}svg{display:block;max-width:100%;width:860px;min-width:600px}
table{border-collapse:collapse;width:100%;font-size:.9rem}
td,th{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0}
tr{border-top:1px solid var(--line)}td:last-child{overflow-wrap:anywhere}
ul{margin:0;padding-left:1rem}code{font-size:.9em;opacity:.8}
.ink{fill:var(--ink)}.bad{fill:var(--bad)}text{fill:var(--text);font-size:13px}
.name{text-anchor:end}
@media print{main{max-width:none}}
"""
