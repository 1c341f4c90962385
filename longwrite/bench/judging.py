"""A live judge for responses that come without verdicts.

What a judge says is put beside the response as if it had come with it, so that scoring knows one
way only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from longwrite.bench.benchmark import Item, Response
from longwrite.bench.longbench_write import JUDGED
from longwrite.errors import UsageError
from longwrite.rewards.briefs import compile_brief
from longwrite.scoring.documents import read_document

Judge = Callable[[Item[Any], Response], Response]
"""Returns the response with the verdict beside it."""


def open_judge(benchmark: str, judge: str) -> Judge:
    """Return a judge of quality.

    Args:
        benchmark: Whose responses are judged.
        judge: The model that judges.

    Raises:
        UsageError: The benchmark has none, or the program was built without.
    """
    if benchmark != "longbench_write":
        raise UsageError(
            f"{benchmark} has no live judge",
            "only the quality of longbench_write is judged here",
            "Give the verdicts with the responses.",
        )
    try:
        reward = import_module("longwrite.rewards.quality").QualityReward(judge=judge)
    except (ImportError, AttributeError) as error:
        raise UsageError(
            "--judge can't be used",
            "this longwrite has no judge of quality (longwrite.rewards.quality)",
            'Give the six marks with the responses: "scores": {"Relevance": 4, …}.',
        ) from error

    def judge_response(item: Item[Any], response: Response) -> Response:
        if not response.text.strip():
            return response
        ended = response.columns.get("cut") is not True
        try:
            brief = compile_brief(item.prompt, length=item.words or None)
            score = reward(brief, read_document(brief, response.text, ended=ended))
        except UsageError as error:
            return replace(response, columns={**response.columns, JUDGED: str(error)})
        value = None if score.value is None else 100 * score.value
        return replace(response, columns={**response.columns, JUDGED: value})

    return judge_response
