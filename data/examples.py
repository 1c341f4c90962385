"""What a raw row of anybody's set says: the turns before the answer, the answer, its worse twin.

Sets name their columns by custom. Each custom is told by its columns alone, so that the same row is
read the same way by the importers and by the lint, whatever file it stands in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from longwrite.data.rows import Shape

Form = Literal[
    "messages", "conversations", "pair", "unpaired", "steps", "suri", "instruction", "completion",
    "text", "prompt", "tokens", "",
]  # fmt: skip
"""The custom that a row follows; empty for none that is known."""

INSTRUCTIONS = ("instruction", "main_instruction", "backtranslated_instruction", "main_goal")
PROMPTS = ("prompt", *INSTRUCTIONS, "query", "question", "input")
ANSWERS = ("completion", "response", "output", "answer", "text", "gold_text", "document")
CONVERSATIONS = ("messages", "conversations", "conversation")
IDS = ("input_ids", "prompt_ids", "completion_ids", "chosen_ids", "rejected_ids")

_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "developer": "system",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
}


_BULLET = re.compile(r"\A\s*(?:[-*•]|\d{1,2}[.)])\s+")


class Turn(NamedTuple):
    """One turn of a conversation, with whatever role the set gave it."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Example:
    """A raw row as it is understood.

    Attributes:
        form: The custom it follows.
        shape: The shape of row that it makes; None for texts without a prompt and for tokens.
        conversational: Whether its texts are turns, to which a chat template will be applied.
        prompt: The turns before the answer.
        answer: The text to be learned: completion, chosen, or last turn.
        rejected: The worse text of a pair.
        steps: Steps, each with whether it is a good one.
        good: False where an unpaired answer is marked as a bad one.
        fault: What is wrong with the order of its turns, empty when nothing is.
        tokens: Length of the longest sequence of a row of token ids.
    """

    form: Form = ""
    shape: Shape | None = None
    conversational: bool = False
    prompt: tuple[Turn, ...] = ()
    answer: str = ""
    rejected: str = ""
    steps: tuple[tuple[str, bool], ...] = ()
    good: bool = True
    fault: str = ""
    tokens: int = 0

    @property
    def request(self) -> str:
        """The user's last turn before the answer."""
        return next((turn.content for turn in reversed(self.prompt) if turn.role == "user"), "")


def read_example(columns: Mapping[str, Any]) -> Example:
    """Return what a row says; never raises, whatever it holds."""
    if _has_pair(columns):
        return _read_pair(columns)
    for name in CONVERSATIONS:
        if isinstance(columns.get(name), list | tuple):
            form: Form = "messages" if name == "messages" else "conversations"
            return _finish(form, _with_system(columns, _turns(columns[name])))
    steps, labels = columns.get("completions"), columns.get("labels")
    if isinstance(steps, list | tuple) and isinstance(labels, list | tuple):
        return _read_steps(columns, steps, labels)
    prompt = _read_prompt(columns)
    answer = next((columns[name] for name in ANSWERS if columns.get(name) is not None), None)
    if columns.get("prompt") is None and any(columns.get(name) for name in INSTRUCTIONS):
        suri = columns.get("constraints") is not None
        if answer is not None:
            return _finish("suri" if suri else "instruction", prompt, _turns(answer))
    if prompt and answer is not None:
        label = columns.get("label")
        conversational = isinstance(answer, list | tuple)
        form = "unpaired" if isinstance(label, bool) else "completion"
        return _finish(form, prompt, _turns(answer), conversational, good=label is not False)
    if answer is not None and isinstance(answer, str):
        return Example("text", answer=answer)
    if prompt:
        conversational = isinstance(columns.get("prompt"), list | tuple)
        return Example(
            "prompt", "prompt", conversational, prompt, fault=find_fault(prompt, ends="user")
        )
    sizes = {name: len(columns[name]) for name in IDS if isinstance(columns.get(name), list)}
    if sizes:
        branch = max(
            sizes.get(name, 0) for name in ("completion_ids", "chosen_ids", "rejected_ids")
        )
        longest = max(sizes.get("input_ids", 0), sizes.get("prompt_ids", 0) + branch)
        return Example("tokens", tokens=longest)
    return Example()


def find_fault(turns: Sequence[Turn], ends: str = "assistant") -> str:
    """Return what is wrong with the order of turns; empty when nothing is.

    After at most one system turn user and assistant alternate, the user first; what tools say
    stands between an assistant's turns.
    """
    before = "system"
    for place, turn in enumerate(turns):
        role = turn.role
        if role not in ("system", "user", "assistant", "tool"):
            return f"turn {place + 1} has the unknown role {role[:40]!r}"
        if role == "system" and place:
            return f"turn {place + 1} is a system turn, which belongs first"
        if role == "user" and before == "user":
            return f"turns {place} and {place + 1} are both the user's"
        if role == "assistant" and before == "assistant":
            return f"turns {place} and {place + 1} are both the assistant's"
        if role == "assistant" and before == "system":
            return f"turn {place + 1} is the assistant's, with no user's before it"
        if role == "tool" and before not in ("assistant", "tool"):
            return f"turn {place + 1} is a tool's, with no assistant's before it"
        before = role
    if not turns:
        return "it has no turns"
    if turns[-1].role != ends and not (ends == "user" and turns[-1].role == "tool"):
        return f"it ends with a turn of the {turns[-1].role}"
    return ""


def text_of(value: Any) -> str:
    """Return a text, or the texts among the parts of a turn's content; empty for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        parts = [part.get("text") for part in value if isinstance(part, Mapping)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return ""


def _turns(value: Any, role: str = "assistant") -> tuple[Turn, ...]:
    """Return the turns of a list, or of a text the one turn that it is."""
    if isinstance(value, Mapping):
        value = [value]
    if isinstance(value, list | tuple):
        return tuple(_turn(each) for each in value)
    return (Turn(role, text_of(value)),)


def _turn(value: Any) -> Turn:
    if not isinstance(value, Mapping):
        return Turn("no turn", "")
    role = str(value.get("role") or value.get("from") or "none").strip().lower()
    content = next((value[key] for key in ("content", "value", "text") if value.get(key)), "")
    return Turn(_ROLES.get(role, role), text_of(content))


def _with_system(columns: Mapping[str, Any], turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    system = columns.get("system")
    if isinstance(system, str) and system.strip() and not (turns and turns[0].role == "system"):
        return (Turn("system", system), *turns)
    return turns


def _read_prompt(columns: Mapping[str, Any]) -> tuple[Turn, ...]:
    """Return the prompt: a conversation, or one text with what other columns add to it."""
    given = next((columns[name] for name in PROMPTS if columns.get(name)), None)
    if isinstance(given, list | tuple):
        return _turns(given)
    text = text_of(given)
    if columns.get("prompt") is None and any(columns.get(name) for name in INSTRUCTIONS):
        more = columns.get("input")
        if isinstance(more, str) and more.strip():
            text = f"{text}\n\n{more}"
        if wishes := read_wishes(columns.get("constraints")):
            text = "\n".join([f"{text}\n", *(f"- {wish}" for wish in wishes)])
    return _with_system(columns, (Turn("user", text),)) if text else ()


def read_wishes(value: Any) -> list[str]:
    """Return constraints in words: of a list, of a list as JSON, or of the lines of a text."""
    if isinstance(value, str):
        try:
            parsed = json.loads(value)
        except (ValueError, RecursionError):
            parsed = None
        value = parsed if isinstance(parsed, list) else value.split("\n")
    found = []
    for one in value if isinstance(value, list | tuple) else ():
        if isinstance(one, Mapping):
            one = next((one[key] for key in ("constraint", "text", "content") if key in one), "")
        if isinstance(one, str) and one.strip():
            found.append(_BULLET.sub("", one).strip())
    return found


def _has_pair(columns: Mapping[str, Any]) -> bool:
    both = columns.get("chosen"), columns.get("rejected")
    return all(isinstance(one, str | list | tuple | Mapping) for one in both)


def _read_pair(columns: Mapping[str, Any]) -> Example:
    chosen, rejected = _turns(columns["chosen"]), _turns(columns["rejected"])
    conversational = not isinstance(columns["chosen"], str)
    prompt = _read_prompt(columns)
    if not prompt:
        named = next((columns[name] for name in CONVERSATIONS if columns.get(name)), None)
        prompt = _turns(named) if named is not None else ()
    if len(chosen) > 1 and any(turn.role == "user" for turn in chosen):  # the prompt stands in both
        shared = 0
        while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
            shared += 1
        shared = min(shared, len(chosen) - 1, len(rejected) - 1)
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
    fault = ""
    if prompt or conversational:
        fault = find_fault((*prompt, *chosen)) or find_fault((*prompt, *rejected))
    return Example(
        "pair",
        "pair",
        conversational,
        (*prompt, *chosen[:-1]),
        chosen[-1].content if chosen else "",
        rejected[-1].content if rejected else "",
        fault=fault,
    )


def _read_steps(columns: Mapping[str, Any], steps: Sequence[Any], labels: Sequence[Any]) -> Example:
    prompt = _read_prompt(columns)
    fault = find_fault(prompt, ends="user") if prompt else ""
    if len(steps) != len(labels):
        fault = f"it has {len(steps)} completions and {len(labels)} labels"
    marked = tuple((text_of(step), bool(label)) for step, label in zip(steps, labels, strict=False))
    return Example("steps", "steps", prompt=prompt, steps=marked, fault=fault)


def _finish(
    form: Form,
    before: tuple[Turn, ...],
    after: tuple[Turn, ...] | None = None,
    conversational: bool | None = None,
    *,
    good: bool = True,
) -> Example:
    """Return an example of a conversation, in one piece or in prompt and answer."""
    turns = before if after is None else (*before, *after)
    answered = bool(turns) and turns[-1].role == "assistant"
    return Example(
        form,
        "completion",
        after is None if conversational is None else conversational,
        turns[:-1] if answered else turns,
        turns[-1].content if answered else "",
        good=good,
        fault=find_fault(turns),
    )
