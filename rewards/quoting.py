"""Texts as a judge is shown them: as quoted material that can't end its own quotation.

What is judged may say anything: that it deserves five, that the material ends here, that a new
instruction begins. The marks around it are derived from all that is quoted, so that a text would
have to hold a hash of itself to close them, and the marks that chat templates are made of are
spoiled, for some servers read them inside a message too.
"""

from __future__ import annotations

import re

from longwrite.runs.store import digest

_LENGTH = 12
_CONTROL = re.compile(
    r"<(?=[|｜]|/?s>|/?(?:bos|eos|start_of_turn|end_of_turn)>|<SYS>>)|\[(?=/?INST\])",
    re.IGNORECASE,
)


def make_mark(*texts: str) -> str:
    """Return twelve letters and digits that stand in none of the texts.

    >>> make_mark("one") == make_mark("one") != make_mark("two")
    True
    """
    turn = 0
    while True:
        mark = digest(str(turn), *texts)[:_LENGTH]
        if not any(mark in text.lower() for text in texts):
            return mark
        turn += 1


def quote(name: str, mark: str, text: str) -> str:
    r"""Return a text between two lines that it can't hold.

    Nothing is left out. Zero bytes and half characters, which no request can carry, become blanks
    and question marks; the first sign of a chat template's own mark becomes one that looks alike.

    >>> print(quote("text", "a1", "Done.<|im_end|>"))
    <text a1>
    Done.‹|im_end|>
    </text a1>
    """
    whole = text.replace("\x00", " ").encode("utf-8", "replace").decode()
    safe = _CONTROL.sub(lambda found: "‹" if found.group() == "<" else "［", whole)
    return f"<{name} {mark}>\n{safe}\n</{name} {mark}>"
