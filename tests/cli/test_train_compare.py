"""`longwrite train compare` as a person uses it, on engines that follow a rule."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from longwrite.cli import commands
from longwrite.train.compare_page import SHOWN
from tests.browser import needs_browser, show
from tests.cli.conftest import Command

EVIL = '"><script>document.title="owned"</script><img src=x onerror=document.title="owned">'
BRIEFS = [
    {"id": f"b{n}", "prompt": f"Write a {words}-word note about boat {n}. Mention the keel."}
    for n, words in enumerate((60, 80, 150, 180, 300, 400))
]
SCATTERED, NEAR = "scripted:seed=1,spread=0.9", "scripted:seed=2,spread=0.1"


@pytest.fixture
def compare(longwrite: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    told = ("longwrite.cli.train_compare:compare", "Compare two models.")
    monkeypatch.setitem(commands.COMMANDS, "compare", told)
    write_briefs(BRIEFS)

    def call(*arguments: str) -> Any:
        briefs = () if "--briefs" in arguments else ("--briefs", "briefs.jsonl")
        return longwrite("compare", *arguments, *briefs)

    return call


def write_briefs(rows: list[dict[str, Any]], name: str = "briefs.jsonl") -> None:
    Path(name).write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_script(name: str, texts: list[str]) -> str:
    Path(name).write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    return f"scripted:script={name}"


def find(out: str, measure: str, group: str = "all") -> dict[str, Any]:
    lines = json.loads(out)["lines"]
    return next(one for one in lines if (one["measure"], one["group"]) == (measure, group))


def test_the_nearer_model_gains_and_the_table_says_so(compare: Command) -> None:
    shown = compare(SCATTERED, NEAR, "--samples", "2")
    assert shown.code == 0, shown.err
    assert f"{NEAR} against {SCATTERED}: 6 briefs" in shown.out
    assert "one call a reply, 2 to each brief, temperature 1, top_p 1, seed 0" in shown.out
    row = next(line for line in shown.out.splitlines() if line.startswith("Length reward"))
    assert re.search(r"\+0\.\d{3} \[\+0\.\d{3}, \+0\.\d{3}\].*\+\d+ % \[.*6  better$", row)
    assert "compare/compare.html: the plots and the replies" in shown.out

    told = compare(SCATTERED, NEAR, "--samples", "2", "--json").out
    s_l = find(told, "s_l")
    assert s_l["difference"]["value"] == pytest.approx(
        s_l["after"]["value"] - s_l["before"]["value"]
    )
    lacking = 1 - s_l["before"]["value"]
    assert s_l["gain"]["value"] == pytest.approx(s_l["difference"]["value"] / lacking)
    assert s_l["gain"]["low"] > 0 and s_l["ratio"] is None
    assert find(told, "words")["gain"] is None and find(told, "words")["ratio"]["value"] > 0
    assert find(told, "s_l", "[100, 200)")["briefs"] == 2


def test_what_was_answered_is_not_asked_again(compare: Command) -> None:
    journal = Path("journal")
    first = compare(f"{SCATTERED},journal=journal", NEAR, "--json")
    assert len(journal.read_text().splitlines()) == 6
    again = compare(f"{SCATTERED},journal=journal", NEAR, "--json")
    assert len(journal.read_text().splitlines()) == 6
    assert find(again.out, "s_l") == find(first.out, "s_l")
    compare(f"{SCATTERED},journal=journal", NEAR, "--json", "--samples", "3")
    assert len(journal.read_text().splitlines()) == 18


def test_a_failed_reply_is_in_no_figure_and_the_next_run_asks_for_it(compare: Command) -> None:
    lines = [{"error": "server"}, *({"text": "The keel. " * 40} for _ in range(5))]
    Path("half.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    broken = compare("scripted:script=half.jsonl", NEAR, "--json")
    assert broken.code == 3 and find(broken.out, "ended")["briefs"] == 5
    assert "1 of 6 replies failed and are in no figure" in broken.out
    write_script("whole.jsonl", ["The keel. " * 40])
    mended = compare("scripted:script=whole.jsonl", NEAR, "--json")
    assert mended.code == 0 and find(mended.out, "ended")["briefs"] == 6


def test_an_empty_reply_counts_as_a_text_of_no_words(compare: Command) -> None:
    lines = [{"error": "empty"} for _ in range(6)]
    Path("empty.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    told = compare(NEAR, "scripted:script=empty.jsonl", "--json")
    assert told.code == 0
    assert find(told.out, "s_l")["after"]["value"] == 0
    assert find(told.out, "coherence")["briefs"] == 0
    assert "6 of 6 replies are empty" in told.out


def test_the_agent_writes_with_a_seed_of_its_own_for_each_sample(compare: Command) -> None:
    told = compare(NEAR, "scripted:seed=3", "--how", "agent", "--samples", "2", "--limit", "2")
    assert told.code == 0, told.err
    assert "written by the agent, 2 to each brief, temperature 0.8, top_p 0.95" in told.out
    rows = [json.loads(line) for line in Path("compare/replies.jsonl").read_text().splitlines()]
    assert len(rows) == 8 and len({row["response"] for row in rows}) == 8


def test_the_card_of_the_tuned_folder_carries_the_table_once(
    compare: Command, tiny_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tuned"
    shutil.copytree(tiny_model, folder)
    (folder / "README.md").write_text("# Mine\n\nBy hand.\n")
    for _ in range(2):
        done = compare("scripted", str(folder), "--card", "--limit", "2", "--max-new-tokens", "48")
        assert done.code == 0, done.err
    card = (folder / "README.md").read_text()
    assert card.startswith("# Mine\n\nBy hand.\n") and card.count("| measure |") == 1
    assert "No reply has more than 48 tokens." in card


def test_the_tuned_folder_is_pushed_with_its_table(
    compare: Command, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = import_module("huggingface_hub")
    pushed: dict[str, bytes] = {}

    class Api:
        def create_repo(self, name: str, **given: Any) -> None:
            assert (name, given["repo_type"], given["private"]) == ("me/long", "model", True)

        def create_commit(self, name: str, operations: list[Any], **_: Any) -> Any:
            read = {one.path_in_repo: Path(one.path_or_fileobj) for one in operations}
            pushed.update({path: file.read_bytes() for path, file in read.items()})
            return SimpleNamespace(repo_url=f"hub://{name}")

    monkeypatch.setattr(hub, "HfApi", Api)
    folder = tmp_path / "tuned"
    shutil.copytree(tiny_model, folder)
    limits = ("--limit", "2", "--max-new-tokens", "48")
    without = compare("scripted", str(folder), "--push", "me/long", *limits)
    assert without.code == 2 and "it has no card" in without.err and not Path("compare").exists()
    (folder / "README.md").write_text("# Mine\n")
    done = compare("scripted", str(folder), "--push", "me/long", *limits)
    assert done.code == 0 and done.out.endswith("hub://me/long\n"), done.err
    assert b"| measure |" in pushed["README.md"] and "model.safetensors" in pushed


class Tags(HTMLParser):
    """Collects tags; none may act."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        assert not any(name.startswith("on") or name in ("href", "src") for name, _ in attrs)


def write_hostile(compare: Command) -> Path:
    rows = [{**BRIEFS[0], "id": EVIL}, {"prompt": f"Write 90 words about {EVIL}."}, *BRIEFS[1:3]]
    write_briefs(rows)
    ill = write_script("ill.jsonl", [EVIL * 3, EVIL * 90, "\u202egnitirw\x1b[2J\x00 " * 30, "# |`"])
    done = compare(ill, NEAR)
    assert done.code == 0, done.err
    assert "\x1b" not in done.out
    return Path("compare")


def test_nothing_of_a_reply_becomes_a_tag(compare: Command) -> None:
    folder = write_hostile(compare)
    page = (folder / "compare.html").read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.names.isdisjoint({"script", "img", "iframe", "object", "link", "a"})
    assert "\u202e" not in page and "\x00" not in page
    assert "<script" not in (folder / "compare.md").read_text()
    assert len((folder / "replies.jsonl").read_text().splitlines()) == 8


@needs_browser
def test_a_real_browser_shows_the_page_and_runs_nothing(compare: Command, tmp_path: Path) -> None:
    page = write_hostile(compare).resolve() / "compare.html"
    title, shown = show(page, tmp_path / "profile")
    assert title != "owned"
    assert "What changed" in shown and "Refused to" not in shown


def test_of_very_many_briefs_only_the_first_stand_on_the_page(compare: Command) -> None:
    rows = [{"prompt": f"Write 60 words about boat {n}."} for n in range(SHOWN + 1)]
    write_briefs(rows)
    assert compare("scripted", NEAR).code == 0
    page = Path("compare/compare.html").read_text()
    assert page.count('<p class="prompt">') == SHOWN and "… and 1 more briefs" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--briefs", "none.jsonl"), "there is no such file"),
        (("--briefs", "empty.txt"), "it is empty"),
        (("--briefs", "rows.jsonl"), "rows.jsonl:2 is no brief: it has no prompt of a user"),
        (("--briefs", "torn.jsonl"), "torn.jsonl:1 can't be read"),
        (("--how", "guess"), "There is no way 'guess' to write"),
        (("--card",), "--card has no card to put the table into"),
        (("--push", "me/long"), "can't be uploaded: there is no config.json"),
        (("-o", "other"), "other is no folder of a comparison: it holds notes.txt"),
        (("-o", "briefs.jsonl"), "briefs.jsonl can't be written"),
    ],
)
def test_a_mistake_is_told_before_the_first_call(
    compare: Command, arguments: tuple[str, ...], said: str
) -> None:
    Path("empty.txt").write_text("")
    Path("torn.jsonl").write_text('{"prompt": "Write')
    write_briefs([BRIEFS[0], {"text": "no prompt"}], "rows.jsonl")
    Path("other").mkdir()
    Path("other", "notes.txt").write_text("mine")
    done = compare("scripted:journal=journal", NEAR, *arguments)
    assert done.code == 2 and said in done.err
    assert not Path("journal").exists()


def test_a_model_that_is_not_there_is_an_engine_error(compare: Command) -> None:
    done = compare("./nowhere", NEAR)
    assert done.code == 5 and "there is no such folder" in done.err
    assert "compare keeps what is done." in done.err
