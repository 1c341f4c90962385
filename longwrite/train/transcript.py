"""A conversation with a policy as token ids, in which what was sampled stays as it was sampled.

A text that is decoded and encoded again may come back as other tokens, which the policy would have
drawn with other probabilities. So replies are only ever decoded, to be read; what is said to the
policy is encoded once, as its chat template shows it after a reply, and put behind the ids that are
there. A template that shows past replies otherwise than new ones, such as without their thoughts,
is followed at the new turn alone: a conversation is never told again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from longwrite.engines.thinking import split_thinking
from longwrite.errors import UsageError
from longwrite.types import Message

_REPLY = "A-reply-that-stands-here."
_MEND = "Use a model with a chat template that takes a system's turn and several of a user's."


class Sampled(NamedTuple):
    """A reply as it was drawn.

    Attributes:
        ids: Its tokens, the one that stopped it included.
        logprobs: Of the sampler, where it tells.
    """

    ids: Sequence[int]
    logprobs: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """A conversation so far.

    Attributes:
        prompt: Tokens up to where the first reply begins.
        completion: Tokens from there on.
        own: For each token of the completion, whether it is the policy's.
        logprobs: For each token of the completion, 0 where it isn't the policy's; fewer than those
            where the sampler doesn't tell.
        replies: Where each reply begins and ends in the completion.
    """

    prompt: tuple[int, ...]
    completion: tuple[int, ...] = ()
    own: tuple[bool, ...] = ()
    logprobs: tuple[float, ...] = ()
    replies: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Chat:
    """How a policy is talked to.

    Attributes:
        tokenizer: Of the policy, with a chat template.
        stops: Tokens that end a reply.
        options: Of ``apply_chat_template``.
    """

    tokenizer: Any
    stops: frozenset[int]
    options: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Try the template.

        Raises:
            UsageError: It can't show what has to be shown.
        """
        first = self.begin([Message("system", "Write."), Message("user", "Now.")])
        self.say(self.hear(first, Sampled([0])), Message("user", "Go on."))

    def begin(self, turns: Sequence[Message]) -> Transcript:
        """Return a conversation in which the first reply is awaited.

        Raises:
            UsageError: The chat template can't show it.
        """
        return Transcript(tuple(self._encode(self._render(turns))))

    def hear(self, transcript: Transcript, reply: Sampled) -> Transcript:
        """Return a conversation with one reply more."""
        start = len(transcript.completion)
        return replace(
            transcript,
            completion=(*transcript.completion, *reply.ids),
            own=(*transcript.own, *[True] * len(reply.ids)),
            logprobs=(*transcript.logprobs, *reply.logprobs),
            replies=(*transcript.replies, (start, start + len(reply.ids))),
        )

    def say(self, transcript: Transcript, turn: Message) -> Transcript:
        """Return a conversation with a turn that isn't the policy's, and a reply awaited.

        The mark that ends the reply before it is added where the policy didn't sample it.

        Raises:
            UsageError: The chat template can't show it.
        """
        before = [Message("user", "."), Message("assistant", _REPLY)]
        shown = self._render([*before, turn])
        place = shown.rfind(_REPLY)
        if place < 0:
            raise UsageError("The chat template can't be used", "it doesn't show replies", _MEND)
        ids = self._encode(shown[place + len(_REPLY) :])
        mark = next((n for n, token in enumerate(ids) if token in self._marks), None)
        if mark is not None and transcript.completion[-1] == ids[mark]:
            ids = ids[mark + 1 :]
        return replace(
            transcript,
            completion=(*transcript.completion, *ids),
            own=(*transcript.own, *[False] * len(ids)),
            logprobs=(*transcript.logprobs, *[0.0] * len(ids)),
        )

    def is_ended(self, transcript: Transcript) -> bool:
        """Tell whether the last reply ended by itself."""
        _, end = transcript.replies[-1]
        return transcript.completion[end - 1] in self.stops

    def read(self, transcript: Transcript) -> str:
        """Return the text of the last reply, without marks and thoughts."""
        start, end = transcript.replies[-1]
        text = self.tokenizer.decode(transcript.completion[start:end], skip_special_tokens=True)
        return split_thinking(text)[0].strip()

    @cached_property
    def _marks(self) -> dict[int, str]:
        added = self.tokenizer.added_tokens_decoder.items()
        return {number: str(token.content) for number, token in added if token.special}

    def _render(self, turns: Sequence[Message]) -> str:
        told = [{"role": turn.role, "content": self._disarm(turn.content)} for turn in turns]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    told, tokenize=False, add_generation_prompt=True, **self.options
                )
            )
        except Exception as error:  # a template may raise anything, and says why
            said = " ".join(str(error).split())[:200]
            raise UsageError("The chat template can't be used", said, _MEND) from error

    def _disarm(self, text: str) -> str:
        """Return a text in which nothing is read as a mark of the conversation."""
        for mark in self._marks.values():
            text = text.replace(mark, " ")
        return text

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])


def list_ids(transcript: Transcript) -> list[int]:
    """Return all tokens of a conversation, for the policy to go on from."""
    return [*transcript.prompt, *transcript.completion]
