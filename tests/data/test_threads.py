"""The thread of a data set is the agent's own, word for word."""

from __future__ import annotations

from pathlib import Path

from longwrite.agent.heads import make_head, make_step
from longwrite.agent.schedule import Thread
from longwrite.data.threads import Talk, answer, ask_for, words_of
from longwrite.runs.folder import RunFolder
from longwrite.types import Fact, Message
from tests.agent.stage import PLAN, PLAN_BRIEF, make_job
from tests.data.pairing import prose


def test_the_first_turn_is_the_agents(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run") as folder:
        job = make_job(folder)
        thread, leaf = Thread(PLAN.sections), PLAN.sections[0]
        system, head = make_head(job, thread, (), "")
        step = make_step(job, thread, leaf, words_of(PLAN, leaf), head)
        window = job.window
    talk = Talk(PLAN_BRIEF, PLAN, window)
    assert ask_for(talk, leaf) == (system, Message("user", f"{head}\n\n{step}"))


def test_what_was_fixed_is_told_once() -> None:
    fact = Fact("Ada", "age", "nine", "1", "Ada was nine")
    talk = answer(Talk(PLAN_BRIEF, PLAN, 32_768), PLAN.sections[0], prose(1), (fact,))
    second = ask_for(talk, PLAN.sections[1])
    assert second[-1].content.startswith("Already established")
    later = ask_for(answer(talk, PLAN.sections[1], prose(2)), PLAN.sections[2])
    assert "Ada" not in later[-1].content and later[:-2] == second


def test_a_full_thread_begins_anew_with_all_that_is_known() -> None:
    fact = Fact("Ada", "age", "nine", "1", "Ada was nine")
    text = prose(1, 700)
    talk = answer(Talk(PLAN_BRIEF, PLAN, 2_700), PLAN.sections[0], text, (fact,))
    asked = ask_for(talk, PLAN.sections[1])
    assert [one.role for one in asked] == ["system", "user"]
    assert "- Ada: age: nine" in asked[-1].content and text[-60:] in asked[-1].content
