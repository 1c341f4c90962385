"""AgentWrite (LongWriter): one plan, then step by step with everything so far in the prompt.

The prompt of a step holds the instruction, the whole plan, all text so far, and the step last.
Strictly one after another; lengths are only named. The published one gives up above 50 steps;
here it goes on.
"""

from __future__ import annotations

from benchmarks.peers.desk import Desk, count_steps
from longwrite.engines.engine import Engine
from longwrite.planners.agentwrite import read_lines

_PLAN = """\
I need you to break a writing task down into steps. Each step becomes one paragraph of the text and
names its main point and how many words it needs. The task:

{wish}

The text has about {words:,} words. Break it into {steps} steps of 200 to 1000 words each, all steps
together covering the whole task. Answer with one line for each step, in this form:
Paragraph 1 - Main Point: what it is about - Word Count: 400 words"""

_STEP = """\
You are a skilled writer. Below are a writing task, the plan of its steps, and the text written so
far. Go on with the next step only.

Task: {wish}

Plan:
{plan}

Text so far:
{text}

Write only the paragraph of this step, without repeating earlier text or closing the article early:
{step} It has about {words:,} words."""


async def write_agentwrite(wish: str, words: int, engine: Engine, in_flight: int) -> str:
    """Write a text; calls in flight make no difference."""
    desk = Desk(engine, in_flight)
    plan = await desk.ask("plan", _PLAN.format(wish=wish, words=words, steps=count_steps(words)))
    written: list[str] = []
    for line, entry in zip(plan.splitlines(), read_lines(plan).entries, strict=True):
        prompt = _STEP.format(
            wish=wish,
            plan=plan,
            text="\n\n".join(written),
            step=line,
            words=round(entry.words),
        )
        written.append(await desk.ask("step", prompt))
    return "\n\n".join(written)
