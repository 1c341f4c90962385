"""What can be wrong with one row of a training set, rule by rule.

A rule names what it finds, why that harms training, and what mends it. The checks of a row are
ordered so that what costs nothing comes first, and a text is read closely only where a glance can't
clear it: a set of many gigabytes is looked at row by row, and every one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from longwrite.data.examples import Example
from longwrite.language import detect_language
from longwrite.rewards.clauses import read_source, shorten
from longwrite.rewards.constraints import check
from longwrite.rewards.wording_length import find_lengths
from longwrite.scoring.endings import is_truncated
from longwrite.scoring.leaks import find_leaks
from longwrite.scoring.loops import spot_loop
from longwrite.text import blocks
from longwrite.types import Constraint

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is looked for.

    Attributes:
        severity: A warning alone leaves a set sound.
        title: What was found, in few words.
        why: What it does to training.
        mend: What to do about it.
    """

    severity: Severity
    title: str
    why: str
    mend: str


@dataclass(frozen=True, slots=True)
class Found:
    """A rule that a row breaks, with what is particular to the row."""

    rule: str
    what: str
    excerpt: str = ""


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "unreadable": Rule(
            "error", "unreadable rows", "a loader stops there, or leaves them out in silence",
            "Write each row as one JSON object on a line of its own.",
        ),
        "shape": Rule(
            "error", "rows of no known shape", "no trainer knows which column to learn",
            "Name the columns as TRL does: prompt and completion; prompt, chosen and rejected; "
            "prompt; or prompt, completions and labels.",
        ),
        "mixed-shapes": Rule(
            "error", "several shapes in one set", "a trainer takes the first row's shape for all",
            "Keep each shape in a folder of its own, which the Hub calls a config.",
        ),
        "mixed-columns": Rule(
            "error", "files with other columns", "load_dataset refuses files whose columns differ",
            "Give all files of a config the same columns.",
        ),
        "mixed-prompt": Rule(
            "error", "a conversation beside a text",
            "TRL takes one for the other, fails, or trains without a template",
            "Keep messages alone, or prompt and completion, both as turns or both as text.",
        ),
        "roles": Rule(
            "error", "turns out of order", "chat templates refuse them, or drop turns in silence",
            "Order the turns: system, user, assistant, user, assistant.",
        ),
        "empty": Rule(
            "error", "empty texts", "they teach to say nothing", "Take the rows out.",
        ),
        "same-pair": Rule(
            "error", "chosen is rejected", "such a pair has no gradient", "Take the rows out.",
        ),
        "too-long": Rule(
            "error", "rows over the maximum length",
            "a trainer cuts them, so their endings and the stop token are lost",
            "Raise max_length and the model's window, or take the rows out.",
        ),
        "maybe-too-long": Rule(
            "warning", "rows that may be over the maximum length",
            "a trainer would cut them, so their endings and the stop token would be lost",
            "Count exactly with --tokenizer FOLDER.",
        ),
        "missing-eos": Rule(
            "error", "turns that never end",
            "the text has its chat markup already, but not the token that ends the turn, so the "
            "model is not taught to stop",
            "Add the end token of the template, or ship turns and let the trainer apply it.",
        ),
        "template-eos": Rule(
            "warning", "a chat template without the stop token",
            "the tokenizer's stop token stands nowhere after an answer, so it isn't learned",
            "Set eos_token to the token that the template ends a turn with.",
        ),
        "loop": Rule(
            "error", "loops", "a text that repeats itself teaches to do so", "Take the rows out.",
        ),
        "truncated": Rule(
            "error", "texts that stop short", "a text that is cut teaches to stop in the middle",
            "Take the rows out, or cut them back to their last complete sentence.",
        ),
        "false-length": Rule(
            "error", "false length claims", "they teach that a stated length means nothing",
            "State the length that the text has, or take the rows out.",
        ),
        "loose-length": Rule(
            "warning", "lengths missed by little", "the text is not quite as long as was asked for",
            "State the length that the text has.",
        ),
        "think": Rule(
            "error", "thoughts in the answer", "a document is taught to begin with its thoughts",
            "Take out what stands between the tags.",
        ),
        "meta-text": Rule(
            "error", "talk about the writing",
            "greetings, word counts and offers are taught as a part of the document",
            "Take such lines out.",
        ),
        "refusal": Rule(
            "error", "refusals", "they teach to decline", "Take the rows out.",
        ),
        "engine-error": Rule(
            "error", "errors saved as text", "the message of a failed call is taught as prose",
            "Take the rows out and make them anew.",
        ),
        "markup": Rule(
            "error", "markup of a chat or a prompt",
            "it is learned as text, or read as the end of a turn",
            "Take the marks out; a chat template adds its own.",
        ),
        "placeholder": Rule(
            "error", "unfilled placeholders", "a template was not filled in",
            "Fill the template, or take the rows out.",
        ),
        "plan-leak": Rule(
            "error", "lines of a plan in the text", "the scaffold is taught as prose",
            "Take such lines out.",
        ),
        "duplicate": Rule(
            "error", "duplicated rows",
            "what stands twice weighs twice, or leaks into a test split", "Keep one of each.",
        ),
        "same-answer": Rule(
            "error", "the same prompt and text again",
            "what stands twice weighs twice, or leaks into a test split",
            "Keep one of each.",
        ),
    }
)  # fmt: skip
"""Name to rule, in the order of reports."""

CLOSE = 0.9
"""Closeness to a stated length from which a miss is small."""

_EXCERPT = 160
_SHORT = 300  # characters up to which an answer may be a word or a line, and need no full stop
_SHORT_WIDE = 80


def check_row(columns: Mapping[str, Any], example: Example) -> Iterator[Found]:
    """Yield what is wrong with a row by itself, each rule at most once."""
    if not example.form:
        names = ", ".join(map(str, columns))[:200]
        yield Found("shape", f"its columns are {names}" if names else "it has no columns")
        return
    yield from _check_shape(columns, example)
    if example.form == "tokens" or not example.good:
        return
    bare, ended = strip_template(example)
    if not ended:
        yield Found("missing-eos", "the last turn has no end token", _excerpt(bare[-_EXCERPT:], 0))
    told: set[str] = set()
    for text in _learned(example, bare):
        for found in _check_text(text, judged=example.form != "steps"):
            if found.rule not in told:
                told.add(found.rule)
                yield found
    for found in _check_prompt(example):
        if found.rule not in told:
            told.add(found.rule)
            yield found
    yield from _check_length(example.request, bare)


def check_tokens(tokens: int, limit: int | None, *, exact: bool) -> Iterator[Found]:
    """Yield a finding for a row over the limit; an estimate is sure from half as much again."""
    if limit is None or tokens <= limit:
        return
    if exact:
        yield Found("too-long", f"{tokens:,} tokens, {limit:,} allowed")
    else:
        sure = 2 * tokens > 3 * limit
        what = f"about {tokens:,} tokens by estimate, {limit:,} allowed"
        yield Found("too-long" if sure else "maybe-too-long", what)


# --- the row as a whole --------------------------------------------------------------------------


def _check_shape(columns: Mapping[str, Any], example: Example) -> Iterator[Found]:
    prompt = columns.get("prompt")
    if isinstance(columns.get("messages"), list | tuple) and prompt is not None:
        kind = "string " if isinstance(prompt, str) else ""
        yield Found("mixed-prompt", f"messages stand beside a {kind}prompt")
    elif isinstance(prompt, str | list | tuple):
        for name in ("completion", "chosen", "rejected"):
            value = columns.get(name)
            if isinstance(value, str | list | tuple) and isinstance(value, str) != isinstance(
                prompt, str
            ):
                yield Found("mixed-prompt", f"of prompt and {name} one is text and one is turns")
                break
    if example.fault:
        yield Found("roles", example.fault)
    if example.form == "tokens":
        return
    empty = [name for name, text in _texts(example) if not text.strip()]
    if empty:
        yield Found("empty", f"the {empty[0]} is empty")
    elif example.shape == "pair" and example.answer.strip() == example.rejected.strip():
        yield Found("same-pair", "both texts are the same", _excerpt(example.answer, 0))


def _texts(example: Example) -> Iterator[tuple[str, str]]:
    """Yield the texts that a row of its shape needs, by name."""
    if example.shape == "steps":
        yield "list of steps", "".join(text for text, _ in example.steps)
        yield from (("step", text) for text, _ in example.steps)
    elif example.shape != "prompt":
        yield "answer" if example.shape != "pair" else "chosen text", example.answer
    if example.shape == "pair":
        yield "rejected text", example.rejected
    if example.shape is not None and (example.prompt or example.shape != "pair"):
        yield "prompt", "".join(turn.content for turn in example.prompt)


def _learned(example: Example, bare: str) -> Iterator[str]:
    """Yield the texts that a model learns to write."""
    if example.form in ("messages", "conversations"):
        yield from (turn.content for turn in example.prompt if turn.role == "assistant")
    yield from (text for text, good in example.steps if good)
    yield bare


_TEMPLATES = (
    (re.compile(r"<\|im_start\|>assistant\s?"), ("<|im_end|>",)),
    (
        re.compile(r"<\|start_header_id\|>assistant<\|end_header_id\|>\s{0,2}"),
        ("<|eot_id|>", "<|end_of_text|>", "<|eom_id|>"),
    ),
    (re.compile(r"<start_of_turn>model\s?"), ("<end_of_turn>", "<eos>")),
    (re.compile(r"\[/INST\]"), ("</s>",)),
    (
        re.compile(r"<\|assistant\|>\s?"),
        ("<|end|>", "</s>", "<|endoftext|>", "<|user|>", "<|end_of_text|>"),
    ),
    (re.compile("<｜Assistant｜>"), ("<｜end▁of▁sentence｜>",)),
    (
        re.compile(r"<\|start\|>assistant(?:<\|channel\|>\w{1,20})?<\|message\|>"),
        ("<|return|>", "<|end|>"),
    ),
)
"""What opens an answer in the common chat templates, and what may end it."""


def strip_template(example: Example) -> tuple[str, bool]:
    r"""Return the answer without the chat markup of a text that has it already, and if it ends.

    >>> strip_template(Example("text", answer="<|im_start|>assistant\nThe sea."))
    ('The sea.', False)
    """
    answer = example.answer
    if example.conversational or example.shape == "prompt":
        return answer, True
    before = "".join(turn.content for turn in example.prompt) if example.form != "steps" else ""
    if not any(
        mark in text for text in (before, answer) for mark in ("<|", "/INST]", "<st", "<｜")
    ):
        return answer, True
    whole = before + answer
    for opening, ends in _TEMPLATES:
        opened = [match.end() for match in opening.finditer(whole)]
        if opened and opened[-1] >= len(before):
            bare = whole[opened[-1] :]
            end = next((end for end in ends if bare.rstrip().endswith(end)), "")
            return bare.rstrip().removesuffix(end), bool(end)
    return answer, True


# --- one text ------------------------------------------------------------------------------------

_THOUGHT = re.compile(
    r"</?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis)\b", re.IGNORECASE
)
_PLAN = re.compile(
    r"\bParagraph \d{1,3} ?[-–—:] ?(?:\*\*)?Main Point"
    r"|^[ \t*#-]{0,8}Main Point ?[:：].{0,400}?Word Count ?[:：]"
    r"|(?:段落 ?|第)[\d一二三四五六七八九十]{1,4} ?段? ?[-–—:：] ?(?:\*\*)?(?:主要|要点|核心)",
    re.MULTILINE,
)
_PLACEHOLDER = re.compile(
    r"(?<![\w\\^$}{#%\"'`])\{\{?\s?[A-Za-z_][A-Za-z_]{1,30}(?:[ .]\w{1,20}){0,3}\s?\}?\}(?!\})"
    r"|\$[A-Z]{3,20}\$"
)
_MARKUP = re.compile(
    r"<[|｜][a-zA-Z_▁]{2,30}[|｜]>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>", re.IGNORECASE
)
_KINDS = {"meta": "meta-text", "refusal": "refusal", "error": "engine-error"}
_TOLD = {
    "think": "thoughts stand in the text",
    "markup": "chat markup stands in the text",
    "meta-text": "it talks about the writing",
    "refusal": "it declines",
    "engine-error": "it holds the message of a failed call",
}


def _check_text(text: str, *, judged: bool) -> Iterator[Found]:
    """Yield what is wrong with a text that is to be learned; its ending only where it is judged."""
    if not text.strip():
        return
    for leak in find_leaks(text):
        rule = _KINDS.get(leak.kind)
        if rule is None:
            rule = "think" if _THOUGHT.match(text, leak.start) else "markup"
        yield Found(rule, _TOLD[rule], _excerpt(text, leak.start))
    planned = "Main Point" in text or "主要" in text or "要点" in text or "核心" in text
    if planned and (match := _PLAN.search(text)):
        yield Found("plan-leak", "it holds a line of a plan", _excerpt(text, match.start()))
    yield from _check_placeholder(text)
    if (offset := spot_loop(text)) is not None:
        yield Found("loop", f"it repeats itself from character {offset:,}", _excerpt(text, offset))
    short = _SHORT if text.isascii() else _SHORT_WIDE
    if judged and len(text) >= short and (why := is_truncated(text)):
        yield Found("truncated", why, _excerpt(text, max(0, len(text.rstrip()) - _EXCERPT)))


def _check_placeholder(text: str) -> Iterator[Found]:
    if "{" not in text and "$" not in text:
        return
    for match in _PLACEHOLDER.finditer(text):
        if not _is_code(text, match.start()):
            what = f"{match.group()} was not filled in"
            yield Found("placeholder", what, _excerpt(text, match.start()))
            return


def _is_code(text: str, at: int) -> bool:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line.count("`") % 2 == 1 or any(
        block.kind == "code" and block.start <= at < block.start + len(block.text)
        for block in blocks(text)
    )


def _check_prompt(example: Example) -> Iterator[Found]:
    templated = not example.conversational and example.form not in ("suri", "instruction")
    for turn in example.prompt:
        if turn.role not in ("user", "system"):
            continue
        yield from _check_placeholder(turn.content)
        marked = "<" in turn.content or "[" in turn.content
        if marked and not templated and (match := _MARKUP.search(turn.content)):
            what = "chat markup stands in the prompt"
            yield Found("markup", what, _excerpt(turn.content, match.start()))


def _excerpt(text: str, at: int) -> str:
    return " ".join(text[at : at + 2 * _EXCERPT].split())[:_EXCERPT]


# --- the length that a prompt states -------------------------------------------------------------

_COUNTED = re.compile(r"\d|[一二两三四五六七八九十百千万]|hundred|thousand", re.IGNORECASE)
_MEASURED = re.compile("word|character|page|[字词页]|篇幅", re.IGNORECASE)
"""What every length names: its unit, or what is said before a bare number."""


def _check_length(request: str, answer: str) -> Iterator[Found]:
    if not request or not answer.strip():
        return
    length = _stated_length(shorten(request))
    if length is None:
        return
    score = check(length, answer)
    if score.value is not None and score.value < 1:
        rule = "false-length" if score.value < CLOSE else "loose-length"
        yield Found(rule, score.note.rstrip("."), length.quote[:_EXCERPT])


def _stated_length(prompt: str) -> Constraint | None:
    """Return the length that a prompt states for the whole text.

    Words alone are looked for; where they are pages or characters, all that the prompt states is
    compiled, since what a page holds depends on the language that is asked for.
    """
    if not (_COUNTED.search(prompt) and _MEASURED.search(prompt)):
        return None
    wide = not prompt.isascii() and detect_language(prompt) in ("zh", "ja", "ko")
    found = [constraint for _, constraint in find_lengths(read_source(prompt), wide)]
    if any(constraint.params["unit"] != "words" for constraint in found):
        # Few sets need its many patterns, which every process takes long to compile.
        from longwrite.rewards.wording import find_constraints

        found = [one for one in find_constraints(prompt) if one.kind == "length"]
    return next((one for one in found if one.scope == "document"), None)
