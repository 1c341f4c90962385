"""Files of strangers: each is read, or a sentence says why not, at once, and nothing runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from longwrite import strict_yaml
from longwrite.agent.continuation import describe_past, read_past
from longwrite.agent.settings import Settings
from longwrite.bench import BENCHMARKS, find_benchmark
from longwrite.bench.matching import match_responses, read_responses
from longwrite.cli.batch import read_rows
from longwrite.cli.briefing import Texts, read_input
from longwrite.cli.options import make_budget
from longwrite.data.importers import RawRow, import_rows, read_set
from longwrite.data.inspection import show_row
from longwrite.data.lint import LintOptions, lint, tell_report
from longwrite.data.lint_page import report_page, show_report
from longwrite.data.orders import place_order, read_blueprint
from longwrite.data.prompt_files import read_lines, read_prompts
from longwrite.engines.choice import choose_model, config_path
from longwrite.engines.faults import status_fault
from longwrite.engines.thinking import split_thinking
from longwrite.errors import LongwriteError, UsageError
from longwrite.page import render_page
from longwrite.planners.agentwrite import read_lines as read_lines_of_plan
from longwrite.planners.entries import read_entries
from longwrite.reading import UnreadableError, read_texts
from longwrite.rewards.briefs import brief_from_yaml, brief_to_yaml, compile_brief
from longwrite.score_page import render_scores
from longwrite.verdicts import score_reading, score_text, tell_scored
from tests.cli.conftest import Command
from tests.cli.conftest import longwrite as longwrite
from tests.faults.hostile import (
    DEEP,
    NUMBERS,
    TEXTS,
    VALUES,
    Amount,
    Tell,
    encode,
    mapping,
    try_cases,
    written,
)

NO_TEXTS: Texts = {"language": "", "audience": "", "style": ""}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder, outside of which nothing may be written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    for name in ("LONGWRITE_MODEL", "LONGWRITE_BASE_URL", "OPENAI_API_KEY", "LONGWRITE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    config_path().parent.mkdir(parents=True)


# --- YAML -----------------------------------------------------------------------------------------

PIECES = st.sampled_from(
    ["&a ", "*a", "!!python/object/apply:os.system ", "!!binary ", "!!set ", "!!float ", "!!int ",
     "!!timestamp ", "! ", "!x ", "? ", ": ", "- ", "\n", "\n  ", "[", "]", "{", "}", ",", "|\n",
     ">\n", "'", '"', "#", "%YAML 1.1\n", "---\n", "...\n", "<<: ", "key: ", "0x" + "f" * 5000,
     "9" * 5000, "1" + ":59" * 5_000, "1" + ":59" * 500 + ".5", ".nan", "-.inf", "1.0e+999", "0o17",
     "0b" + "1" * 9000, "2024-01-01", "=", "~", "\t", '"\\ud800"', '"\\U00110000"', "\x85",
     "\u2028", "\ufeff", "\x00"]
)  # fmt: skip
YAML = st.lists(PIECES | TEXTS, max_size=12).map("".join) | VALUES.map(written)


def load_yaml(text: str) -> None:
    """Load a text: what comes of it is what JSON has, finite and writable, and dumps again."""
    try:
        value = strict_yaml.load(text, "it")
    except UsageError:
        return
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    assert strict_yaml.load(strict_yaml.dump(value), "it") == value


def test_any_yaml_is_plain_data_or_a_sentence(tell: Tell, amount: Amount) -> None:
    tell("generated YAML", try_cases(load_yaml, YAML, most=amount(15, 1_000)))


# --- briefs ---------------------------------------------------------------------------------------

CONSTRAINTS = mapping(
    {
        "kind": st.sampled_from(["length", "mention", "sections", "title", "judged", "table"]),
        "params": st.dictionaries(
            st.sampled_from(["text", "min", "max", "count"]), VALUES, max_size=3
        ),
        "scope": st.sampled_from(["document", "each", "section:0", "every:999999:1"]) | TEXTS,
        "hard": st.booleans(),
    }
)
BRIEFS = mapping(
    {
        "prompt": TEXTS,
        "words": NUMBERS,
        "language": TEXTS,
        "audience": TEXTS,
        "style": TEXTS,
        "style_sample": TEXTS,
        "form": TEXTS,
        "constraints": st.lists(CONSTRAINTS | TEXTS, max_size=3),
    }
)


def as_yaml(value: object) -> str:
    """Return the YAML of a value, or its JSON where a character of it has no YAML."""
    try:
        return yaml.safe_dump(value, allow_unicode=True)
    except (yaml.YAMLError, ValueError):
        return written(value)


def read_brief_file(name: str, text: str) -> None:
    """Read a file as `longwrite write FILE` does, and what `brief.yaml` will hold of it."""
    Path(name).write_bytes(encode(text))
    try:
        brief, _ = read_input(name, None, None, NO_TEXTS)
    except UsageError:
        return
    assert brief_from_yaml(brief_to_yaml(brief)) == brief


def test_any_brief_file_is_a_brief_or_a_sentence(tell: Tell, amount: Amount) -> None:
    names = st.sampled_from(["brief.yaml", "brief.yml", "brief.txt", "brief.md"])
    texts = BRIEFS.map(as_yaml) | BRIEFS.map(written) | YAML | TEXTS | st.sampled_from(DEEP)
    tell("generated brief files", try_cases(read_brief_file, names, texts, most=amount(15, 1_000)))


def compile_prompt(prompt: str, options: dict[str, Any]) -> None:
    """Compile a prompt with options of any text."""
    try:
        brief = compile_brief(prompt, **options)
    except UsageError:
        return
    assert brief_from_yaml(brief_to_yaml(brief)) == brief


def test_any_prompt_is_a_brief_or_a_sentence(tell: Tell, amount: Amount) -> None:
    options = st.fixed_dictionaries(
        {}, optional={"words": st.integers(-1, 10**7), "language": TEXTS}
    )
    tell("generated prompts", try_cases(compile_prompt, TEXTS, options, most=amount(15, 1_000)))


# --- config, recipes ------------------------------------------------------------------------------

CONFIGS = mapping(
    {
        "model": TEXTS,
        "base_url": TEXTS,
        "api_key_file": TEXTS,
        "vllm_python": TEXTS,
        "prices": mapping({"prompt": NUMBERS, "completion": NUMBERS, "cached": NUMBERS}),
    }
)


def read_config_file(text: str) -> None:
    """Choose a model and a price by a config file."""
    config_path().write_bytes(encode(text))
    try:
        assert choose_model(None, None)[0]
    except LongwriteError:
        return
    try:
        prices = make_budget(None, 1.0, None).prices
    except UsageError:
        return
    assert all(0 <= price < 1e6 for price in (prices.prompt, prices.completion, prices.cached or 0))


def test_any_config_file_is_one_or_a_sentence(tell: Tell, amount: Amount) -> None:
    texts = CONFIGS.map(as_yaml) | CONFIGS.map(written) | YAML
    tell("generated config files", try_cases(read_config_file, texts, most=amount(15, 1_000)))


RECIPES = mapping(
    {
        "recipe": st.sampled_from(["agentwrite", "prompts", "curate", "violate"]),
        "options": mapping({"prompts": TEXTS, "files": TEXTS, "words": NUMBERS}),
        "filters": mapping(
            {
                "repetition": mapping({"allow": NUMBERS}),
                "presence": mapping({"least": NUMBERS}),
                "length": mapping({"least": NUMBERS, "most": NUMBERS}),
                "pairs": NUMBERS,
            }
        ),
        "duplicates": mapping({"completions": NUMBERS, "sections": NUMBERS}),
        "contamination": TEXTS,
        "quota": mapping({"per_cell": NUMBERS, "buckets": NUMBERS}),
        "rows": NUMBERS,
        "seed": NUMBERS,
    }
)


def read_recipe_file(text: str) -> None:
    """Make a build of a recipe file."""
    Path("recipe.yaml").write_bytes(encode(text))
    try:
        order = place_order(read_blueprint("recipe.yaml", {}), Path("set"), Settings())
        order.select()
    except LongwriteError:
        return


def test_any_recipe_file_is_one_or_a_sentence(tell: Tell, amount: Amount) -> None:
    texts = RECIPES.map(as_yaml) | YAML
    tell("generated recipe files", try_cases(read_recipe_file, texts, most=amount(15, 1_000)))


# --- rows -----------------------------------------------------------------------------------------

TURNS = st.lists(
    mapping({"role": TEXTS, "content": TEXTS, "from": TEXTS, "value": TEXTS}), max_size=3
)
ROWS = mapping(
    {
        "prompt": TEXTS | TURNS,
        "length": NUMBERS,
        "words": NUMBERS,
        "language": TEXTS,
        "id": TEXTS | NUMBERS,
        "response": TEXTS,
        "completion": TEXTS | TURNS,
        "messages": TURNS,
        "conversations": TURNS,
        "chosen": TEXTS | TURNS,
        "rejected": TEXTS | TURNS,
        "instruction": TEXTS,
        "constraints": st.lists(TEXTS, max_size=3) | TEXTS,
        "completions": st.lists(TEXTS, max_size=3),
        "labels": st.lists(st.booleans(), max_size=3),
        "label": st.booleans(),
        "text": TEXTS,
        "input_ids": st.lists(NUMBERS, max_size=3),
        "a\ud800": TEXTS,
    }
)
LINES = ROWS.map(written) | ROWS.map(written) | VALUES.map(written) | TEXTS | st.sampled_from(DEEP)
FILES = st.lists(LINES, max_size=5).map("\n".join) | st.lists(ROWS, max_size=3).map(written)
NAMES = st.sampled_from(["rows.jsonl", "rows.jsonl", "rows.ndjson", "rows.json"])


def place(name: str, text: str) -> str:
    """Write a file of rows, and return its name."""
    Path(name).write_bytes(encode(text))
    return name


def read_batch(text: str) -> None:
    """Read the rows of a batch; what is passed through can be written again."""
    try:
        rows = read_rows(Path(place("rows.jsonl", text)), None, NO_TEXTS)
    except UsageError:
        return
    for row in rows:
        assert (row.brief is None) == bool(row.fault)
        json.dumps(row.data, ensure_ascii=False, allow_nan=False).encode()
        row.fault.encode()


def test_any_batch_is_rows_or_a_sentence(tell: Tell, amount: Amount) -> None:
    tell("generated batches", try_cases(read_batch, FILES, most=amount(15, 1_000)))


def read_prompt_file(name: str, text: str) -> None:
    """Read a file of prompts, as recipes do."""
    try:
        units = list(read_prompts([place(name, text)], 500))
        json.dumps([getattr(unit, "data", "") for unit in units], ensure_ascii=False).encode()
        for line in read_lines([name]):
            line.encode()
    except UsageError:
        return


def test_any_list_of_prompts_is_units_or_a_sentence(tell: Tell, amount: Amount) -> None:
    names = st.sampled_from(["prompts.jsonl", "prompts.txt"])
    tell(
        "generated lists of prompts",
        try_cases(read_prompt_file, names, FILES, most=amount(15, 1_000)),
    )


def read_any_set(name: str, text: str) -> None:
    """Import a set, lint it, show its rows."""
    path = place(name, text)
    try:
        rows = list(import_rows([path]))
        for raw in read_set(path):
            if isinstance(raw, RawRow):
                show_row(raw.columns).encode()
        report = lint(path, LintOptions(cores=1))
    except UsageError:
        return
    assert len(rows) == report.rows
    show_report(report).encode()
    report_page(report).encode()
    json.dumps(tell_report(report), ensure_ascii=False).encode()


def test_any_set_is_imported_and_linted(tell: Tell, amount: Amount) -> None:
    tell("generated sets", try_cases(read_any_set, NAMES, FILES, most=amount(15, 1_000)))


def score_file(name: str, text: str) -> None:
    """Score the texts of a file, and tell of them as JSON and as a page."""
    scored: list[Any] = []
    unreadable: list[Any] = []
    for one in read_texts([place(name, text)]):
        if isinstance(one, UnreadableError):
            unreadable.append(one)
        else:
            said = score_reading(one, brief=None, words=None, plan=None, counter="words")
            (unreadable if isinstance(said, UnreadableError) else scored).append(said)
    told = [str(error) for error in unreadable]
    if scored:
        render_scores(scored, told).encode()
    json.dumps([tell_scored(one) for one in scored], ensure_ascii=False, allow_nan=False).encode()
    "".join(told).encode()


def test_any_file_is_scored_or_told(tell: Tell, amount: Amount) -> None:
    names = st.sampled_from(["a.jsonl", "a.md", "a.txt"])
    tell("generated files to score", try_cases(score_file, names, FILES, most=amount(15, 1_000)))


def bench_file(benchmark: str, items: str, responses: str) -> None:
    """Read the items and the responses of a benchmark, and score them."""
    bench = find_benchmark(benchmark)
    try:
        listed = bench.load(Path(place("items.jsonl", items)))
        given = read_responses(Path(place("responses.jsonl", responses)))
        matching = match_responses(listed, given)
        results = [bench.score(item, response) for item, response in matching.pairs]
        bench.summarise(results, how="given", judge="none")
    except UsageError:
        return


def test_any_benchmark_file_is_scored_or_told(tell: Tell, amount: Amount) -> None:
    cases = try_cases(
        bench_file, st.sampled_from(sorted(BENCHMARKS)), FILES, FILES, most=amount(15, 1_000)
    )
    tell("generated benchmark files", cases)


# --- manuscripts ----------------------------------------------------------------------------------

CHAPTERS = st.lists(
    st.tuples(
        st.sampled_from(
            ["# ", "## ", "", "Chapter Two\n", "第二章\n", "    # ", "```\n# ", "Title\n---\n"]
        ),
        TEXTS,
        st.sampled_from(["\n\nIt rained.\n\n", "\n", "\r\n\r\n"]),
    ).map("".join),
    max_size=6,
).map("".join)


def continue_text(text: str) -> None:
    """Take up a manuscript, and describe it to a planner."""
    try:
        past = read_past(text)
        brief = describe_past(compile_brief("Two more chapters"), past)
    except UsageError:
        return
    assert brief.prompt.count("</chapters>") == brief.prompt.count("</last_words>") == 1


def test_any_manuscript_is_taken_up(tell: Tell, amount: Amount) -> None:
    tell("generated manuscripts", try_cases(continue_text, CHAPTERS, most=amount(15, 1_000)))


# --- one thing again and again --------------------------------------------------------------------

ROUNDS = st.sampled_from(
    [*"[](){}<>*_`#\n \t-1.!?:;,\"'“”|&/=~@%$\\", "a ", "Word. ", "1. ", "12,", "# ", "> ", "```\n",
     "| a ", "[a](", "![a](", "<a href=", "<!--", "<think>", "</think>", "第一章\n", "字", "。",
     "about 100 words ", "chapter 1 ", "no ", "I'm sorry ", "(continued)\n", "a@", "a.", "www.",
     "Title\n===\n", "\r", "\u2028"]
)  # fmt: skip
READERS: dict[str, Callable[[str], object]] = {
    "score": lambda text: score_text(text),
    "page": lambda text: render_page(text, title=text),
    "brief": lambda text: compile_brief(f"On salt {text}"),
    "manuscript": lambda text: read_past(f"# One {text}"),
    "thinking": lambda text: split_thinking(text),
    "plan": lambda text: (read_entries(text), read_lines_of_plan(text)),
    "error": lambda text: status_fault(400, {}, json.dumps({"error": {"message": text}})),
}


def read_again_and_again(reader: str, before: str, piece: str, after: str) -> None:
    """Read a text that is one thing again and again; what is quadratic takes too long."""
    text = before + piece * (30_000 // len(piece)) + after
    try:
        READERS[reader](text)
    except UsageError:
        return


def test_no_text_takes_more_than_its_length(tell: Tell, amount: Amount) -> None:
    ends = st.sampled_from(["", "", "x", ".", "\n"])
    names = st.sampled_from(sorted(READERS))
    cases = try_cases(read_again_and_again, names, ends, ROUNDS, ends, most=amount(15, 1_000))
    tell("generated texts of one piece", cases)


def test_a_file_whose_name_is_no_text_is_scored(longwrite: Command, tmp_path: Path) -> None:
    Path(os.fsdecode(b"salt-\xff\x1b.md")).write_text("# Salt\n\nSalt comes from the sea.\n")
    told = longwrite("score", "salt*.md", "--json", "--html", "page.html")
    assert told.code == 0 and len(json.loads(told.out)["texts"]) == 1
    assert longwrite("score", "salt*.md").code == 0
    Path(os.fsdecode(b"set-\xff.jsonl")).write_text('{"prompt": "a", "completion": "b"}\n')
    assert longwrite("data", "lint", ".", "--html", "lint.html", "--json").code in {0, 6}
