"""One table of measures for the run and for the comparison."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from longwrite.rewards.briefs import compile_brief
from longwrite.train.measuring import MEASURES, Values, average_samples, find_asked, measure_reply
from tests.scoring.texts import make_text

BRIEF = compile_brief('Write 400 words. Mention "the keel".')


def test_a_cut_reply_keeps_its_s_l_and_is_paid_nothing() -> None:
    text = make_text(4)
    ended, cut = (measure_reply(BRIEF, text, ended=one) for one in (True, False))
    assert ended["s_l"] == cut["s_l"] and ended["length"] and cut["length"] == 0
    assert ended["sound_words"] == ended["words"] and cut["sound_words"] is None
    assert (ended["ended"], cut["ended"]) == (1, 0)


def test_a_loop_is_told_whatever_else_the_text_is() -> None:
    values = measure_reply(BRIEF, "The keel was laid on a Monday. " * 60, ended=True)
    assert values["loop_free"] == 0 and values["soundness"] == 0
    assert values["rep_4"] is not None and values["rep_4"] > 0.9
    assert values["sound_words"] is None and values["constraints"] == 1


def test_an_empty_reply_has_a_length_and_little_else() -> None:
    values = measure_reply(BRIEF, "", ended=True)
    assert values["words"] == values["s_l"] == values["length"] == 0 and values["miss"] == 1
    assert values["soundness"] is values["loop_free"] is values["rep_4"] is None


def test_without_a_stated_length_there_is_no_score_of_it() -> None:
    brief = compile_brief("Write about boats.")
    assert find_asked(brief) is None
    values = measure_reply(brief, make_text(2), ended=True)
    assert values["s_l"] is values["length"] is values["miss"] is values["constraints"] is None


@given(st.text(max_size=300), st.booleans())
def test_every_measure_is_there_and_a_share_is_a_share(text: str, ended: bool) -> None:
    values = measure_reply(BRIEF, text, ended=ended)
    assert list(values) == list(MEASURES)
    for name, value in values.items():
        if value is not None and MEASURES[name].best is not None:
            assert 0 <= value <= 1, name


def test_samples_of_a_brief_count_as_one() -> None:
    samples: list[Values] = [{"s_l": 0.2, "words": 10.0}, {"s_l": None, "words": 20.0}]
    assert average_samples("s_l", samples) == 0.2
    assert average_samples("words", samples) == 15
    assert average_samples("rep_4", samples) is None
