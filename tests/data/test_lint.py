"""A lint finds each fault of a set by its rule, lets good long sets be, and never fails itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longwrite.data.examples import ANSWERS, CONVERSATIONS, IDS, PROMPTS
from longwrite.data.lint import LintOptions, config_of, lint, tell_report
from longwrite.data.lint_rules import RULES
from longwrite.errors import UsageError
from longwrite.text import count_words
from tests.scoring.texts import make_text

FIXTURES = Path(__file__).resolve().parents[2].parent / "shared" / "fixtures"
ONE_CORE = LintOptions(cores=1)


def write(folder: Path, rows: Sequence[object], name: str = "set.jsonl") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def good_rows(count: int = 6, paragraphs: int = 12) -> list[dict[str, Any]]:
    rows = []
    for seed in range(count):
        text = make_text(paragraphs, seed=seed + 1)
        prompt = f"Write an essay of {count_words(text)} words about harbour number {seed}."
        rows.append({"prompt": prompt, "completion": text})
    return rows


def rules_of(
    folder: Path, rows: Sequence[object], options: LintOptions = ONE_CORE
) -> dict[str, int]:
    return {one.rule: one.count for one in lint(write(folder, rows), options).rules}


def turns(*contents: str, first: str = "user") -> list[dict[str, str]]:
    roles = ["user", "assistant"] if first == "user" else ["assistant", "user"]
    return [
        {"role": roles[place % 2], "content": content} for place, content in enumerate(contents)
    ]


TEXT = make_text(6, seed=77)
SENTENCE = "The keeper climbed the stair and lit the lamp. "

FAULTY: Mapping[str, object] = {
    "unreadable": ["a", "list"],
    "shape": {"foo": "bar"},
    "mixed-prompt": {"prompt": "Write.", "messages": turns("Write.", TEXT)},
    "roles": {"messages": turns(TEXT, "Write.", TEXT, first="assistant")},
    "empty": {"prompt": "Write.", "completion": " "},
    "same-pair": {"prompt": "Write.", "chosen": TEXT, "rejected": TEXT},
    "too-long": {"prompt": "Write.", "completion": make_text(60, seed=5)},
    "missing-eos": {"text": f"<|im_start|>user\nWrite.<|im_end|>\n<|im_start|>assistant\n{TEXT}"},
    "loop": {"prompt": "Write.", "completion": TEXT + "\n\n" + SENTENCE * 40},
    "truncated": {"prompt": "Write.", "completion": TEXT[:-1] + " and then the"},
    "false-length": {"prompt": "Write 5,000 words about the sea.", "completion": TEXT},
    "think": {"prompt": "Write.", "completion": f"<think>Hm, a story.</think>\n\n{TEXT}"},
    "meta-text": {"prompt": "Write.", "completion": f"Sure, here is the essay:\n\n{TEXT}"},
    "refusal": {"prompt": "Write.", "completion": "I'm sorry, but I can't help with that request."},
    "engine-error": {"prompt": "Write.", "completion": "Error code: 500 internal server error"},
    "markup": {"prompt": turns("Write."), "completion": turns(f"{TEXT}<|im_end|>", first="a")},
    "placeholder": {"prompt": "Write about {topic_name}.", "completion": TEXT},
    "plan-leak": {
        "prompt": "Write.",
        "completion": f"Paragraph 3 - Main Point: the sea - Word Count: 300 words\n\n{TEXT}",
    },
}

SOUND: Mapping[str, object] = {
    "mixed-prompt": {"messages": turns("Write.", TEXT)},
    "roles": {"messages": [{"role": "system", "content": "Be brief."}, *turns("Write.", TEXT)]},
    "empty": {"prompt": "Write."},
    "same-pair": {"prompt": "Write.", "chosen": TEXT, "rejected": "No."},
    "missing-eos": {
        "text": f"<|im_start|>user\nWrite.<|im_end|>\n<|im_start|>assistant\n{TEXT}<|im_end|>\n"
    },
    "loop": {"prompt": "Write.", "completion": make_text(30, seed=9)},
    "truncated": {"prompt": "What is 6 times 7?", "completion": "42"},
    "false-length": {
        "prompt": f"Write about {count_words(TEXT)} words on the sea.",
        "completion": TEXT,
    },
    "think": {"prompt": "Write.", "completion": f"I think, she said.\n\n{TEXT}"},
    "meta-text": {"prompt": "Write.", "completion": f"“Sure,” he said. {TEXT}"},
    "refusal": {"prompt": "Write.", "completion": f"“I can't help you,” he said. {TEXT}"},
    "markup": {"prompt": "Write.", "completion": f"{TEXT}\n\n```\n<|im_end|>\n```"},
    "placeholder": {"prompt": "Write.", "completion": f"{TEXT}\n\n```\nf'{{name}}'\n```"},
    "plan-leak": {"prompt": "Write.", "completion": f"Paragraph 3 is long.\n\n{TEXT}"},
    "shape": {"prompt": "Write.", "completions": ["One.", "Two."], "labels": [True, False]},
}


@pytest.mark.parametrize("rule", FAULTY)
def test_a_rule_finds_its_fault(rule: str, tmp_path: Path) -> None:
    options = LintOptions(max_length=4_096, cores=1)
    report = lint(write(tmp_path, [FAULTY[rule]]), options)
    found = {one.rule: one for one in report.rules}
    assert rule in found
    first = found[rule].examples[0]
    assert first.place.endswith("set.jsonl:1")
    assert first.sentence.endswith(".") and RULES[rule].why in first.sentence
    assert not report.ok


@pytest.mark.parametrize("rule", SOUND)
def test_what_only_looks_like_a_fault_is_let_be(rule: str, tmp_path: Path) -> None:
    assert rules_of(tmp_path, [SOUND[rule]]) == {}


def test_a_clean_long_set_has_no_finding(tmp_path: Path) -> None:
    report = lint(write(tmp_path, good_rows(40, 25)), ONE_CORE)
    assert report.rules == () and report.ok and report.rows == 40


def test_a_line_that_is_no_json_is_one_finding_and_stops_nothing(tmp_path: Path) -> None:
    path = write(tmp_path, good_rows())
    path.write_text("{broken\n" + path.read_text("utf-8"), "utf-8")
    report = lint(path, ONE_CORE)
    assert [(one.rule, one.count) for one in report.rules] == [("unreadable", 1)]
    assert report.rows == 7


def test_rows_that_stand_twice_are_told_apart_from_answers_that_do(tmp_path: Path) -> None:
    rows = good_rows()
    found = rules_of(tmp_path, [*rows, rows[2], rows[2], rows[3] | {"source": "elsewhere"}])
    assert found == {"duplicate": 2, "same-answer": 1}


def test_a_row_in_two_configs_is_no_duplicate(tmp_path: Path) -> None:
    write(tmp_path, good_rows(), "set/raw/train.jsonl")
    write(tmp_path, good_rows(), "set/sft/train.jsonl")
    assert lint(tmp_path / "set", ONE_CORE).ok
    write(tmp_path, good_rows(2), "set/sft/test/0.jsonl")
    found = {one.rule: one.count for one in lint(tmp_path / "set", ONE_CORE).rules}
    assert found == {"duplicate": 2}, "two rows of the train split stand in the test split"


def test_shapes_and_columns_that_differ_within_a_config(tmp_path: Path) -> None:
    prompts = [{"prompt": f"Write number {n}."} for n in range(2)]
    assert rules_of(tmp_path, [*good_rows(), *prompts]) == {"mixed-shapes": 2}
    write(tmp_path, good_rows(), "two/a.jsonl")
    other = [row | {"id": 1} for row in good_rows(8)[6:]]
    write(tmp_path, other, "two/b.jsonl")
    report = lint(tmp_path / "two", ONE_CORE)
    assert [one.rule for one in report.rules] == ["mixed-columns"]
    assert "id" in report.rules[0].examples[0].what


def test_a_length_that_is_missed_by_little_is_a_warning(tmp_path: Path) -> None:
    asked = round(count_words(TEXT) * 1.12)
    row = {"prompt": f"Write {asked} words about the sea.", "completion": TEXT}
    report = lint(write(tmp_path, [row]), ONE_CORE)
    assert [one.rule for one in report.rules] == ["loose-length"] and report.ok


def test_chinese_lengths_are_counted_by_character(tmp_path: Path) -> None:
    text = "".join(f"第{n}天，海水慢慢退去，孩子们数着岸边的船。" for n in range(40))
    words = count_words(text)
    rows = [{"prompt": f"请写一篇{words}字的文章，主题是大海。", "completion": text}]
    assert "false-length" not in rules_of(tmp_path, rows)
    rows = [{"prompt": f"请写一篇{3 * words}字的文章，主题是大海。", "completion": text}]
    assert "false-length" in rules_of(tmp_path, rows)


def test_lengths_in_pages_are_claims_and_bare_numbers_are_none(tmp_path: Path) -> None:
    rows = [{"prompt": "Write a 20-page essay about the sea.", "completion": TEXT}]
    assert rules_of(tmp_path, rows) == {"false-length": 1}
    rows = [{"prompt": "Write about the 5,000 boats of 1912.", "completion": TEXT}]
    assert rules_of(tmp_path, rows) == {}


def test_an_estimate_near_the_limit_is_a_warning(tmp_path: Path) -> None:
    row = good_rows(1)[0]
    tokens = lint(write(tmp_path, [row]), ONE_CORE).longest
    near = rules_of(tmp_path, [row], LintOptions(max_length=tokens - 10, cores=1))
    far = rules_of(tmp_path, [row], LintOptions(max_length=tokens // 2, cores=1))
    assert (near, far) == ({"maybe-too-long": 1}, {"too-long": 1})


def test_a_tokenizer_counts_exactly_and_brings_its_models_limit(
    tmp_path: Path, tiny_model: Path
) -> None:
    row = {"messages": turns("Write.", make_text(120, seed=3))}
    report = lint(write(tmp_path, [row]), LintOptions(tokenizer=tiny_model, cores=1))
    assert report.exact and report.limit == 4_096 and report.longest > 4_096
    assert [one.rule for one in report.rules] == ["too-long"]
    sure = lint(
        write(tmp_path, [row]), LintOptions(max_length=report.longest, tokenizer=tiny_model)
    )
    assert sure.ok


def test_a_template_that_never_stops_is_told(tmp_path: Path, tiny_model: Path) -> None:
    import shutil

    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    for name in ("generation_config.json", "chat_template.jinja"):
        (folder / name).unlink(missing_ok=True)
    config = json.loads((folder / "tokenizer_config.json").read_text("utf-8"))
    config["chat_template"] = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
    rows = [{"messages": turns("Write.", TEXT)}]
    report = lint(write(tmp_path, rows), LintOptions(tokenizer=folder, cores=1))
    assert [one.rule for one in report.rules] == ["template-eos"] and report.ok


def test_a_tokenizer_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    path = write(tmp_path, good_rows(1))
    with pytest.raises(UsageError, match="no such folder"):
        lint(path, LintOptions(tokenizer=tmp_path / "nowhere"))


def test_all_are_counted_and_few_are_kept(tmp_path: Path) -> None:
    rows = [{"prompt": f"Write number {n}.", "completion": ""} for n in range(50)]
    report = lint(write(tmp_path, rows), LintOptions(examples=3, cores=1))
    (empty,) = report.rules
    assert empty.count == 50 and len(empty.examples) == 3


def test_only_the_learned_text_of_a_pair_has_to_be_good(tmp_path: Path) -> None:
    row = {"prompt": "Write.", "chosen": TEXT, "rejected": SENTENCE * 60 + "and"}
    assert rules_of(tmp_path, [row]) == {}


def test_a_bad_answer_of_an_unpaired_set_may_be_bad(tmp_path: Path) -> None:
    row = {"prompt": "Write.", "completion": SENTENCE * 60, "label": False}
    assert rules_of(tmp_path, [row]) == {}
    assert "loop" in rules_of(tmp_path, [row | {"label": True}])


def test_the_report_is_the_same_on_several_cores(tmp_path: Path) -> None:
    rows: list[object] = [*good_rows(4), *(FAULTY[rule] for rule in FAULTY)] * 30
    path = write(tmp_path, rows)
    alone, together = (lint(path, LintOptions(cores=cores)) for cores in (1, 2))
    assert tell_report(alone) == tell_report(together)
    assert alone.rows == len(rows)


def test_a_report_is_plain_json(tmp_path: Path) -> None:
    told = tell_report(lint(write(tmp_path, list(FAULTY.values())), ONE_CORE))
    assert json.loads(json.dumps(told)) == told
    assert told["ok"] is False and told["rows"] == len(FAULTY)


def test_configs_are_folders_without_their_splits() -> None:
    assert config_of("a/data/train-0.parquet") == config_of("a/data/test-0.parquet") == "a"
    assert config_of("a/dpo/train/0.parquet") == "a/dpo"


@pytest.mark.parametrize("novel", ["pride_and_prejudice", "sherlock_holmes"])
def test_human_prose_has_no_loops_or_leaks(novel: str, tmp_path: Path) -> None:
    path = FIXTURES / "novels" / f"{novel}.txt"
    if not path.exists():
        pytest.skip("the fixtures are absent")
    paragraphs = path.read_text("utf-8").split("\n\n")
    parts = ["\n\n".join(paragraphs[at : at + 60]) for at in range(0, len(paragraphs), 60)]
    rows = [{"prompt": "Write.", "completion": part} for part in parts]
    found = rules_of(tmp_path, rows)
    assert not set(found) & {"loop", "meta-text", "refusal", "think", "placeholder", "plan-leak"}


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=40)
    | st.sampled_from(["user", "assistant", "[/INST]", "{name}", "<think>", "10 words", TEXT]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "from", "value", "text"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)
_ROWS = st.lists(
    st.dictionaries(
        st.sampled_from(
            [
                *PROMPTS,
                *ANSWERS,
                *CONVERSATIONS,
                *IDS,
                "chosen",
                "rejected",
                "constraints",
                "label",
                "labels",
                "completions",
                "system",
                "x",
            ]
        ),
        _VALUES,
        max_size=5,
    )
    | _VALUES,
    min_size=1,
    max_size=6,
)


@given(_ROWS)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_row_makes_the_lint_fail(tmp_path: Path, rows: list[object]) -> None:
    report = lint(write(tmp_path, rows), LintOptions(max_length=100, cores=1))
    assert report.rows == len(rows)
    json.dumps(tell_report(report))
