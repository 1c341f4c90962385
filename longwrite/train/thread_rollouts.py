"""Plan-then-write rollouts: the policy plans a document and writes it, and all of it is one row.

    trainer = ThreadGRPOTrainer(model, DEFAULT, args=GRPOConfig(…), train_dataset=rows)

A row is one conversation in thread mode: the request for a plan is its prompt; the plan, and each
section after the agent's head or step, are the policy's tokens; what the agent says between them is
masked. The document put together from the sections is what is paid and logged, and each section is
paid for itself by the rules of the same rewards (`longwrite.train.advantages`).

All documents of a batch are drawn at once, round by round: all plans, all first sections, all
second ones. Processes keep in step without knowing each other's documents: before each round they
agree on the longest reply that any of them still needs, and all of them draw up to that; who has
nothing left draws one reply to throw away; where nobody needs any, all stop. So every process makes
the same number of calls, as sharded weights demand, and each goes on until all are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import torch

from longwrite.errors import UsageError
from longwrite.rewards.composition import Composition
from longwrite.train.advantages import (
    PaidSection,
    average_groups,
    spread_advantages,
    tally_sections,
)
from longwrite.train.grpo import ENDED, SECTIONS, TEXT, VOID, LongGRPOTrainer
from longwrite.train.preflight import measure_tokens_per_word
from longwrite.train.preflight_grpo import list_texts
from longwrite.train.presets import find_window
from longwrite.train.rewarding import RewardFunction
from longwrite.train.thread_writer import (
    Call,
    DocumentWriter,
    Writing,
    pay_sections,
    read_brief,
)
from longwrite.train.transcript import Chat, Sampled
from longwrite.types import Brief

_UNBOUNDED = 1_000_000
"""Tokens of a model that names no window."""

_MEASURED = 64


class ThreadGRPOTrainer(LongGRPOTrainer):
    """GRPO in which a completion is a plan and the document written by it.

    Args:
        model: A folder, a name, or the model itself.
        reward_funcs: A composition, or functions as TRL takes them.
        args: TRL's ``GRPOConfig``.
        section_weight: Of a section's reward in the advantages of its tokens; 0 for none.
        plan_tokens: Most tokens of a plan.
        section_reward: What pays the sections, by its rules alone, no judge is asked; the
            composition of the documents unless another is given.
        window: Tokens of a row at most; None for the model's.
        **options: Of `LongGRPOTrainer`.

    Raises:
        UsageError: An option doesn't go with another, or the chat template can't be used.
    """

    def __init__(
        self,
        model: Any,
        reward_funcs: Composition | Sequence[RewardFunction],
        args: Any,
        *,
        section_weight: float = 0.5,
        plan_tokens: int = 512,
        section_reward: Composition | None = None,
        window: int | None = None,
        **options: Any,
    ) -> None:
        """Set the trainer up."""
        if section_reward is None and isinstance(reward_funcs, Composition):
            section_reward = reward_funcs
        _check(section_weight, plan_tokens, section_reward, args, options)
        super().__init__(model, reward_funcs, args, rollout_func=self._roll, **options)
        self.section_weight = section_weight
        self.section_reward = section_reward
        shown = {**self.chat_template_kwargs}
        if self.chat_template is not None:
            shown["chat_template"] = self.chat_template
        chat = Chat(self._tokenizer, frozenset(self.eos_token_ids), shown)
        texts = list_texts(list(islice(self.train_dataset, _MEASURED)))
        self.writer = DocumentWriter(
            chat,
            window or find_window(self.model.config) or _UNBOUNDED,
            plan_tokens,
            measure_tokens_per_word(self._tokenizer, texts),
        )
        self.writer.chat.check()

    def weigh_tokens(self, batch: dict[str, Any], rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return the batch with the advantages of the tokens in the place of the documents'."""
        sections: list[Sequence[PaidSection]] = [row[SECTIONS] for row in rows]
        tallies = tally_sections(sections).to(self.accelerator.device)
        every: torch.Tensor = self.accelerator.gather(tallies)
        self._note(every)
        if not self.section_weight:
            return batch
        first = self.accelerator.process_index * len(rows)
        advantages = spread_advantages(
            batch["advantages"],
            sections,
            average_groups(every, self._group)[first : first + len(rows)],
            self.section_weight,
            batch["completion_ids"].shape[1],
        )
        return {**batch, "advantages": advantages}

    def _note(self, tallies: torch.Tensor) -> None:
        """Log how the documents of all processes came out."""
        paid, counted, sections, ended = tallies.sum(0).tolist()
        metrics = self._metrics[self._mode]
        metrics["threads/unread"].append((tallies[:, 2] == 0).float().mean().item())
        metrics["threads/sections"].append(sections / len(tallies))
        metrics["threads/sections_ended"].append(ended / max(1.0, sections))
        metrics["threads/section_reward"].append(paid / max(1.0, counted))

    def _roll(self, prompts: list[Any], trainer: Any) -> dict[str, Any]:
        """Return the rows of a batch as TRL takes them from a ``rollout_func``."""
        writings = self._write([read_brief(row) for row in self.drawn_rows])
        scripts = [one.transcript for one in writings]
        told = all(len(one.logprobs) == len(one.completion) for one in scripts)
        return {
            "prompt_ids": [list(one.prompt) for one in scripts],
            "completion_ids": [list(one.completion) for one in scripts],
            "env_mask": [[int(own) for own in one.own] for one in scripts],
            "logprobs": [list(one.logprobs) for one in scripts] if told else None,
            TEXT: [one.text for one in writings],
            ENDED: [one.complete and one.sections[-1][1] for one in writings],
            VOID: [not one.sections for one in writings],
            SECTIONS: [pay_sections(one, self.section_reward, self.eos_gate) for one in writings],
        }

    def _write(self, briefs: Sequence[Brief]) -> list[Writing]:
        """Return a document for each brief, all of them drawn round by round."""
        writers = [self.writer.write(brief) for brief in briefs]
        waiting = {place: next(writer) for place, writer in enumerate(writers)}
        idle = [Call(waiting[0].ids, 1)]
        done: dict[int, Writing] = {}
        while most := self._agree(max((call.most for call in waiting.values()), default=0)):
            replies = self._reply(list(waiting.values()) or idle, most)
            for (place, call), reply in zip(tuple(waiting.items()), replies, strict=False):
                own = Sampled(reply.ids[: call.most], reply.logprobs[: call.most])
                try:
                    waiting[place] = writers[place].send(own)
                except StopIteration as end:
                    done[place] = end.value
                    del waiting[place]
        return [done[place] for place in range(len(writers))]

    def _agree(self, most: int) -> int:
        """Return the most tokens that any process needs in the next round."""
        wanted = torch.tensor([most], device=self.accelerator.device)
        return int(self.accelerator.gather(wanted).max().item())

    def _reply(self, calls: Sequence[Call], most: int) -> list[Sampled]:
        """Draw a reply to each call as TRL does, of at most so many tokens."""
        usual = self.generation_config.max_new_tokens
        self.generation_config.max_new_tokens = most
        try:
            ids, logprobs = self._generate_single_turn([call.ids for call in calls], None, {}, 1)
        finally:
            self.generation_config.max_new_tokens = usual
        return [Sampled(*one) for one in zip(ids, logprobs or [()] * len(ids), strict=True)]


def _check(
    section_weight: float,
    plan_tokens: int,
    section_reward: Composition | None,
    args: Any,
    options: dict[str, Any],
) -> None:
    """Refuse options that can't be meant.

    Raises:
        UsageError: One of them.
    """
    if not 0 <= section_weight < float("inf"):
        why = "a weight is a number from 0 upwards"
        raise UsageError(f"'section_weight: {section_weight}' can't be used", why, "Set it to 0.5.")
    if section_weight and section_reward is None:
        mend = "Give a composition as section_reward, or set section_weight to 0."
        raise UsageError("Nothing pays the sections", "the rewards are no composition", mend)
    if plan_tokens < 1:
        why = "a plan has at least one token"
        raise UsageError(f"'plan_tokens: {plan_tokens}' can't be used", why, "Set it to 512.")
    if options.get("overlong"):
        why = "it is for one reply; each section has a limit of its own"
        raise UsageError("'overlong' doesn't go with 'rollouts: thread'", why, "Set it to 0.")
    if args.use_vllm:
        why = "the replies of a document have different limits"
        raise UsageError(
            "'use_vllm' doesn't go with 'rollouts: thread'", why, "Set use_vllm: false."
        )
