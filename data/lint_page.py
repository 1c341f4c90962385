"""What a lint found, for a terminal and as one HTML page that is read offline and runs nothing.

Excerpts come from sets that nobody vouches for: the page escapes all of them, has no script, and
its own policy forbids everything but its one style sheet.
"""

from __future__ import annotations

import base64
import hashlib
import textwrap
from collections.abc import Mapping
from html import escape

from longwrite.data.inspection import harmless
from longwrite.data.lint import TRL_DEFAULT, Finding, LintReport, RuleCount
from longwrite.data.lint_rules import RULES


def show_report(report: LintReport, width: int = 100) -> str:
    """Return a report as a table for a terminal, with the first places of each rule."""
    lines = [f"{_line(report.path)}: {_verdict(report)}", *_tokens(report), ""]
    if report.rules:
        size = max(len(RULES[one.rule].title) for one in report.rules)
        lines.append(f"{'rows':>9}  {'':7}  what was found")
        lines += [
            f"{one.count:>9,}  {one.severity:7}  {RULES[one.rule].title:<{size}}  {one.rule}"
            for one in report.rules
        ]
    for one in report.rules:
        rule = RULES[one.rule]
        lines += ["", f"{rule.title}: {rule.why}. {rule.mend}"]
        for each in one.examples:
            said = f"{_line(each.place)}: {_line(each.what)}"
            if each.excerpt:
                said += f": “{_line(each.excerpt)}”"
            lines += textwrap.wrap(
                said, max(30, width), initial_indent="  ", subsequent_indent="    "
            )
        if one.count > len(one.examples):
            lines.append(f"  … and {one.count - len(one.examples):,} more")
    return "\n".join(lines).rstrip() + "\n"


def _verdict(report: LintReport) -> str:
    found = []
    for count, name in ((report.errors, "error"), (report.warnings, "warning")):
        if count:
            found.append(f"{count:,} {name}{'s' if count > 1 else ''}")
    return f"{report.rows:,} rows, {' and '.join(found) or 'nothing found'}"


def _tokens(report: LintReport) -> list[str]:
    if not report.longest:
        return []
    how = "" if report.exact else ", by estimate"
    limit = f"; at most {report.limit:,} are allowed" if report.limit else ""
    lines = [f"The longest row has {report.longest:,} tokens{how}{limit}."]
    if report.over_default:
        lines.append(
            f"TRL's own max_length of {TRL_DEFAULT:,} would cut {report.over_default:,} rows: "
            f"set max_length to {_round_up(report.longest):,}."
        )
    return lines


def _round_up(tokens: int) -> int:
    return -(-tokens // 1_024) * 1_024


def _line(text: str) -> str:
    return " ".join(harmless(text).split())


def report_page(report: LintReport) -> str:
    """Return a report as one self-contained HTML page."""
    digest = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    name = escape(_line(report.path)[:200])
    state = "good" if report.ok else "bad"
    body = [
        f"<h1>{name}</h1>",
        f'<p class="{state}">{escape(_verdict(report))}</p>',
        *(f"<p>{escape(line)}</p>" for line in _tokens(report)),
        _index(report),
        *(_rule(one) for one in report.rules),
        "<h2>Lengths</h2>",
        _lengths(report.lengths, report.exact),
        "<h2>Shapes</h2>",
        _forms(report.forms),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{name} – lint</title>\n<style>{_STYLE}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(body) + "\n</main>\n</body>\n</html>\n"
    )


def _index(report: LintReport) -> str:
    if not report.rules:
        return "<p>Every row was looked at, and nothing was found.</p>"
    rows = "".join(
        f'<tr class="{one.severity}"><td>{one.count:,}</td><td>{one.severity}</td>'
        f'<td><a href="#{one.rule}">{escape(RULES[one.rule].title)}</a></td>'
        f"<td>{one.count / max(1, report.rows):.1%} of the rows</td></tr>"
        for one in report.rules
    )
    head = "<tr><th>Found</th><th></th><th>What</th><th></th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>'


def _rule(one: RuleCount) -> str:
    rule = RULES[one.rule]
    rows = "".join(_example(each) for each in one.examples)
    rest = one.count - len(one.examples)
    more = f"<p>… and {rest:,} more.</p>" if rest else ""
    return (
        f'<section id="{one.rule}"><h2>{escape(rule.title[:1].upper() + rule.title[1:])}</h2>'
        f"<p>{one.count:,} found: {escape(rule.why)}. {escape(rule.mend)}</p>"
        f'<div class="wide"><table><tr><th>Where</th><th>What</th></tr>{rows}</table></div>'
        f"{more}</section>"
    )


def _example(each: Finding) -> str:
    quote = f"<br><q>{escape(_line(each.excerpt))}</q>" if each.excerpt else ""
    return (
        f"<tr><td><code>{escape(_line(each.place))}</code></td>"
        f"<td>{escape(_line(each.what))}{quote}</td></tr>"
    )


def _lengths(lengths: Mapping[int, int], exact: bool) -> str:
    if not lengths:
        return "<p>No row could be read.</p>"
    most = max(lengths.values())
    rows = "".join(
        f"<tr><td>{least:,} to {2 * least - 1:,}</td><td>{count:,}</td><td>"
        '<svg class="bar" viewBox="0 0 300 10"><rect class="ground" width="300" height="10"/>'
        f'<rect class="ink" width="{300 * count / most:.1f}" height="10"/></svg></td></tr>'
        for least, count in lengths.items()
    )
    how = "counted" if exact else "estimated"
    head = f"<tr><th>Tokens, {how}</th><th>Rows</th><th></th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>'


def _forms(forms: Mapping[str, int]) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{n:,}</td></tr>" for name, n in forms.items())
    head = "<tr><th>Form</th><th>Rows</th></tr>"
    return f'<div class="wide"><table>{head}{rows}</table></div>'


_STYLE = """
:root{color-scheme:light dark;--ink:#2b4c6f;--ground:#eef1f4;--bad:#b3412f;--warn:#8a6410;
--good:#3f7d58;--text:#1d2227;--page:#fff;--line:#d9dee3}
@media(prefers-color-scheme:dark){:root{--ink:#8fb3d9;--ground:#262c33;--bad:#e0806c;
--warn:#d9b35f;--good:#7fc29b;--text:#e4e7ea;--page:#15181c;--line:#333a42}}
body{margin:0;background:var(--page);color:var(--text);font:16px/1.5 system-ui,sans-serif}
main{max-width:900px;margin:0 auto;padding:2rem 1.2rem 4rem}
h1{font-size:1.5rem;overflow-wrap:anywhere}h2{margin-top:2.5rem;font-size:1.15rem}
a{color:inherit}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.9rem}
td,th{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0}
tr{border-top:1px solid var(--line)}td{overflow-wrap:anywhere}
td:first-child{min-width:9rem}q{opacity:.85}
tr.error td:nth-child(2),.bad{color:var(--bad);font-weight:600}
tr.warning td:nth-child(2){color:var(--warn);font-weight:600}.good{color:var(--good)}
.bar{display:block;width:300px;max-width:100%;height:10px;margin-top:.4rem}
.ink{fill:var(--ink)}.ground{fill:var(--ground)}
@media print{main{max-width:none}}
"""
