"""Telling languages apart, and leaving alone what can't be told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longwrite.language import NAMES, detect_language, is_in, script_shares

SAMPLES = {
    "en": "The harbour was quiet in the morning, and the boats lay by the wall as ever.",
    "fr": "Le port était calme dans la matinée, et les bateaux sont restés avec ce vent.",
    "de": "Der Hafen war am Morgen still, und die Boote lagen nicht mit dem Wind auf der Mauer.",
    "es": "El puerto estaba en calma por la mañana, y los barcos no se movían con el viento.",
    "pt": "O porto não estava em silêncio, e os barcos ao lado do cais são mais como uma memória.",
    "it": "Il porto non era in silenzio e gli uomini con le barche del molo sono al lavoro.",
    "nl": "De haven was in de ochtend stil en het water is niet zo koud als men denkt.",
    "zh": "清晨的港口很安静，船停在墙边，和许多年前一样，没有人记得为什么要修这座桥。",
    "ja": "朝の港はとても静かで、船は昔と同じように壁のそばに止まっていた。誰も理由を知らない。",
    "ko": "아침의 항구는 조용했고 배들은 예전처럼 벽 옆에 머물러 있었다. 아무도 이유를 모른다.",
    "ru": "Утром гавань была тихой, и лодки стояли у стены, как стояли они много лет назад зимой.",
    "ar": "كان الميناء هادئا في الصباح وكانت القوارب راسية بجانب الجدار كما كانت منذ سنوات طويلة.",
}


@pytest.mark.parametrize("code", SAMPLES)
def test_each_named_language_is_detected(code: str) -> None:
    assert code in NAMES
    assert detect_language(SAMPLES[code]) == code


@pytest.mark.parametrize("code", SAMPLES)
def test_a_text_is_in_its_own_language(code: str) -> None:
    assert is_in(SAMPLES[code] * 3, code)
    assert is_in(SAMPLES[code] * 3, f"{code}-XX")


@pytest.mark.parametrize(
    "pair", ["en zh", "zh en", "ru en", "en ru", "ar de", "ja zh", "en fr", "de en", "ko ja"]
)
def test_a_text_in_another_language_is_seen(pair: str) -> None:
    code, other = pair.split()
    assert not is_in(SAMPLES[code] * 3, other)


def test_what_cannot_be_told_passes() -> None:
    assert is_in("Only five words of it.", "zh")
    assert is_in(SAMPLES["zh"] * 3, "")
    assert is_in("यह किताब बहुत पुरानी है। " * 10, "hi")
    assert is_in("Kaupungin satama oli aamulla hiljainen. " * 10, "fi")
    assert detect_language("12345 …") == ""
    assert script_shares("12345 …") == {}


def test_foreign_names_and_code_do_not_make_a_text_foreign() -> None:
    assert is_in(
        "他用 Python 和 NumPy 写了一个程序，然后把 README 交给了 Alice 看，大家都很高兴。", "zh"
    )
    assert is_in(f"{SAMPLES['en']} She read 红楼梦 and 西游记 twice. {SAMPLES['en']}", "en")


@given(st.text(max_size=300), st.sampled_from([*NAMES, "hi", "xx", ""]))
def test_any_text_is_judged(text: str, code: str) -> None:
    assert detect_language(text) in {*NAMES, ""}
    assert is_in(text, code) in {True, False}
    shares = script_shares(text)
    assert not shares or abs(sum(shares.values()) - 1) < 1e-9
