"""A document planned and written by a policy as one row: what it sampled is what is trained on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from longwrite.errors import UsageError
from longwrite.rewards.composition import Component, Composition
from longwrite.rewards.length import LengthReward
from tests.train.launching import launch

pytestmark = [
    pytest.mark.skipif(find_spec("trl") is None, reason="trl isn't installed"),
    pytest.mark.filterwarnings("ignore"),
]

ROOT = Path(__file__).resolve().parents[2]
NANO = ROOT / "longwrite" / "nano"
QUIET = {"HF_HUB_OFFLINE": "1", "TRL_EXPERIMENTAL_SILENCE": "1", "OMP_NUM_THREADS": "1"}
LENGTH = Composition((Component(LengthReward()),), name="length alone")
END, PAD = 1, 0
PLAN = "Title: Boats\n1. Hulls | How they are built | 20\n2. Sails | What moves them | 30"

Say = Callable[[str], str]
"""What a policy replies to a conversation; a reply that ends in ``…`` is cut there."""


def spell(tokenizer: Any, text: str) -> list[int]:
    """Return a text letter by letter, as no tokenizer would give it back."""
    return [one for letter in text for one in tokenizer(letter)["input_ids"]]


class Policy:
    """Takes the place of generation: says what it is told to, and keeps what it was asked."""

    def __init__(self, trainer: Any, say: Say) -> None:
        self.tokenizer, self.config, self.say = trainer._tokenizer, trainer.generation_config, say
        self.rounds: list[tuple[int, int]] = []
        trainer._generate_single_turn = self

    def __call__(self, prompt_ids: Sequence[list[int]], *rest: Any) -> tuple[list[list[int]], None]:
        most = self.config.max_new_tokens
        self.rounds.append((len(prompt_ids), most))
        replies = []
        for ids in prompt_ids:
            text = self.say(self.tokenizer.decode(ids))
            reply = spell(self.tokenizer, text.removesuffix("…"))
            replies.append((reply if text.endswith("…") else [*reply, END])[:most])
        return replies, None


def write_boats(conversation: str) -> str:
    """Plan two sections; write five words of each."""
    return "A hull is of wood." if "Now write" in conversation else PLAN


Make = Callable[..., Any]


@pytest.fixture
def make(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return what makes a trainer of two prompts and two documents of each."""
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)

    def build(
        say: Say | None = write_boats, rewards: Any = LENGTH, model: Path = tiny_model, **given: Any
    ) -> Any:
        trl: Any = import_module("trl")
        threads: Any = import_module("longwrite.train.thread_rollouts")
        briefs = given.pop("briefs", ("Write 20 words about boats.", "Write 40 words about boats."))
        rows = import_module("datasets").Dataset.from_list(
            [{"prompt": [{"role": "user", "content": one}]} for one in briefs]
        )
        config: dict[str, Any] = {
            "output_dir": str(tmp_path / "out"), "max_steps": 1, "num_generations": 2,
            "per_device_train_batch_size": 4, "max_completion_length": 64, "learning_rate": 1e-4,
            "multi_objective_aggregation": "normalize_then_sum", "logging_steps": 1,
            "use_cpu": True, "bf16": False, "report_to": "none", "save_strategy": "no",
            "disable_tqdm": True, "seed": 3, "shuffle_dataset": False,
            "model_init_kwargs": {"dtype": "float32"},
        }  # fmt: skip
        known = trl.GRPOConfig.__dataclass_fields__
        ours = {name: given.pop(name) for name in list(given) if name not in known}
        trainer = threads.ThreadGRPOTrainer(
            str(model), rewards, trl.GRPOConfig(**config | given), train_dataset=rows, **ours
        )
        if say is not None:
            trainer.policy = Policy(trainer, say)
        trainer.made = []
        score = trainer._generate_and_score_completions

        def keep(inputs: list[dict[str, Any]]) -> Any:
            trainer.made.append((score(inputs), inputs))
            return trainer.made[-1][0]

        trainer._generate_and_score_completions = keep
        return trainer

    return build


def find_log(trainer: Any) -> dict[str, Any]:
    (log,) = [log for log in trainer.state.log_history if "loss" in log]
    return dict(log)


def take_row(trainer: Any, place: int) -> tuple[list[int], list[int], dict[str, Any]]:
    """Return a row's completion, the tokens that are trained, and its fields."""
    batch, rows = trainer.made[-1]
    there = batch["completion_mask"][place].bool()
    own = there & batch["tool_mask"][place].bool()
    ids = batch["completion_ids"][place]
    return ids[there].tolist(), ids[own].tolist(), rows[place]


def test_a_row_is_a_plan_and_its_sections_and_the_document_is_paid(make: Make) -> None:
    seen: list[Any] = []

    def paid(completions: list[Any], **batch: Any) -> list[float]:
        seen.extend(completions)
        return [place / 10 for place in range(len(completions))]

    trainer = make(rewards=[paid], section_reward=LENGTH)
    trainer.train()
    texts = [one[0]["content"] for one in seen]
    assert texts == ["A hull is of wood.\n\nA hull is of wood.\n"] * 4
    whole, own, row = take_row(trainer, 0)
    plan, section = (spell(trainer._tokenizer, one) for one in (PLAN, "A hull is of wood."))
    assert own == [*plan, END, *section, END, *section, END]
    first, second = row["completion_sections"]
    assert whole[first.start : first.end] == whole[second.start : second.end] == [*section, END]
    assert row["completion_ended"] and not row["completion_void"]
    shown = trainer._tokenizer.decode(whole)
    assert shown.count("Now write the next section") == 2 and "You write one long" in shown
    # Five words of eight, and five of twelve, as the plan divides the twenty.
    assert (first.reward, second.reward) == (1, 1)  # within the tolerance of so few words
    log = find_log(trainer)
    assert log["threads/sections"] == 2 and log["threads/unread"] == 0
    assert log["completions/clipped_ratio"] == 0
    assert log["completions/p50_length"] == len(own)


def test_a_token_has_the_advantage_of_its_section(make: Make) -> None:
    lengths = iter([1, 60, 60, 60] * 2)

    def say(conversation: str) -> str:
        return "wood " * next(lengths) + "." if "Now write" in conversation else PLAN

    briefs = ("Write 150 words about boats.",)
    rewards = [lambda completions, **batch: [place / 10 for place in range(len(completions))]]
    trainer = make(
        say, rewards, briefs=briefs, num_generations=4, section_reward=LENGTH, section_weight=0.5
    )
    trainer.train()
    batch, rows = trainer.made[-1]
    sections = [row["completion_sections"] for row in rows]
    paid = [[one.reward for one in row] for row in sections]
    assert paid[0] == [0.02, 0.01] and paid[1] == [1, 0.86]  # of 60 and 90 words, give or take 20
    mean = sum(map(sum, paid)) / 8
    for place, row in enumerate(sections):
        told = batch["advantages"][place]
        plan = told[0].item()
        for one in row:
            span = told[one.start : one.end]
            assert span.tolist() == pytest.approx([plan + 0.5 * (one.reward - mean)] * len(span))
        assert told[row[-1].end :].tolist() == pytest.approx([plan] * len(told[row[-1].end :]))
    plain = [told[0].item() for told in batch["advantages"]]
    assert sum(plain) == pytest.approx(0, abs=1e-5) and plain == sorted(plain)


def test_a_plan_that_can_not_be_read_is_the_whole_row_and_paid_the_minimum(make: Make) -> None:
    plans = iter([PLAN, "I don't plan.", f"{PLAN}…", PLAN] * 2)

    def say(conversation: str) -> str:
        return write_boats(conversation) if "Now write" in conversation else next(plans)

    trainer = make(say, [lambda prompts, **batch: [0.5] * len(prompts)], eos_gate=False,
                   section_weight=0.0)  # fmt: skip
    trainer.train()
    batch, rows = trainer.made[-1]
    whole, own, _ = take_row(trainer, 1)
    assert whole == own == [*spell(trainer._tokenizer, "I don't plan."), END]
    assert [row["completion_void"] for row in rows] == [False, True, True, False]
    assert (batch["advantages"] > 0).tolist() == [True, False, False, True]
    assert find_log(trainer)["threads/unread"] == 0.5
    assert [size for size, _ in trainer.policy.rounds] == [4, 2, 2]


def test_a_document_stops_where_its_window_ends(make: Make) -> None:
    def count(trainer: Any) -> int:
        trainer.train()
        whole, _, _ = take_row(trainer, 0)
        return int(trainer.made[-1][0]["prompt_mask"][0].sum()) + len(whole)

    window = count(make()) - 10
    trainer = make(window=window)
    assert count(trainer) <= window
    whole, _, row = take_row(trainer, 0)
    assert len(row["completion_sections"]) == 1
    assert not row["completion_ended"] and whole[-1] == END  # the section did, the document not
    log = find_log(trainer)
    assert log["rewards/length/mean"] == 0 and log["completions/clipped_ratio"] == 1


def test_a_document_of_which_nothing_fits_is_paid_the_minimum(make: Make) -> None:
    trainer = make(rewards=[lambda prompts, **batch: [0.5] * len(prompts)], window=1_100,
                   eos_gate=False, section_weight=0.0)  # fmt: skip
    trainer.train()
    whole, own, row = take_row(trainer, 0)
    assert whole == own and row["completion_void"] and row["completion_sections"] == ()
    assert find_log(trainer)["rewards/<lambda>/mean"] == 0


def test_a_section_is_cut_at_its_own_limit_and_gets_nothing(make: Make) -> None:
    def say(conversation: str) -> str:
        last = "It ends the document" in conversation
        return "A hull is of wood." if last or "Now write" not in conversation else "wood" * 99

    trainer = make(lambda text: PLAN if "Now write" not in text else say(text))
    trainer.train()
    _, _, row = take_row(trainer, 0)
    first, last = row["completion_sections"]
    needed = max(12, round(8 * trainer.writer.tokens_per_word + 0.5))
    assert first.end - first.start == 2 * needed + 32 and (first.ended, first.reward) == (False, 0)
    assert last.ended and last.reward == 1 and row["completion_ended"]


def test_documents_with_fewer_sections_wait_for_the_others(make: Make) -> None:
    plans = iter([PLAN, f"{PLAN}\n3. Ropes | What holds them | 20"] * 4)

    def say(conversation: str) -> str:
        return write_boats(conversation) if "Now write" in conversation else next(plans)

    trainer = make(say)
    trainer.train()
    assert [size for size, _ in trainer.policy.rounds] == [4, 4, 4, 2]
    assert [len(row["completion_sections"]) for row in trainer.made[-1][1]] == [2, 3, 2, 3]


def test_silent_groups_are_planned_and_written_again(make: Make) -> None:
    words = iter([5] * 4 + [1, 20] * 9)

    def say(conversation: str) -> str:
        return "wood " * next(words) + "." if "Now write" in conversation else PLAN

    trainer = make(say, briefs=("Write 60 words about boats.",), per_device_train_batch_size=2,
                   resample_rounds=2)  # fmt: skip
    trainer.train()
    log = find_log(trainer)
    assert (log["groups/zero_signal"], log["groups/zero_signal_after"]) == (1, 0)
    assert [row["completion_sections"][0].reward for row in trainer.made[-1][1]] == [0.25, 1]
    assert len(trainer.policy.rounds) == 6


@pytest.fixture
def trained(make: Make) -> Any:
    """Return a trainer after a step in which one section was better than the others."""
    words = iter([20, 1, 1, 20] * 9)

    def say(conversation: str) -> str:
        return "wood " * next(words) + "." if "Now write" in conversation else PLAN

    trainer = make(say, briefs=("Write 60 words about boats.",) * 2)
    trainer.train()
    return trainer


def test_every_loss_takes_advantages_by_token(trained: Any) -> None:
    """Each token's gradient follows its own advantage; where all have one, nothing is new."""
    torch: Any = import_module("torch")
    batch = trained.made[-1][0]
    by_token = batch["advantages"]
    by_document = by_token[:, 0]  # a token of the plan
    spread = by_document[:, None].expand(by_token.shape)
    assert by_token.shape == batch["completion_ids"].shape and not by_token.equal(spread)
    torch.manual_seed(0)
    before = -torch.rand(by_token.shape)
    now = (before + 0.1 * torch.randn(by_token.shape)).requires_grad_()
    trained._get_per_token_logps_and_entropies = lambda *_, **__: (now, -before, None)

    def compute(advantages: Any, **more: Any) -> Any:
        now.grad = None
        loss = trained._compute_loss(None, {**batch, **more, "advantages": advantages})
        loss.backward()
        return torch.cat([loss.detach()[None], now.grad.flatten()])

    mask = batch["completion_mask"] * batch["tool_mask"]
    assert trained.loss_type == "dapo"
    fresh = compute(by_token)[1:].view(by_token.shape)  # where the policy is the one that drew
    assert torch.allclose(fresh, -by_token * mask / mask.sum(), atol=1e-7)

    usual = {"loss_type": "dapo", "importance_sampling_level": "token",
             "off_policy_mask_threshold": None, "top_entropy_quantile": 1.0}  # fmt: skip
    names = ("grpo", "dr_grpo", "bnpo", "cispo", "sapo", "vespo", "luspo")
    changes: list[dict[str, Any]] = [{"loss_type": name} for name in names]
    changes += [{"importance_sampling_level": "sequence", "loss_type": "grpo"},
                {"off_policy_mask_threshold": 0.5}, {"top_entropy_quantile": 0.5}]  # fmt: skip
    for delta in (None, 1.05):
        trained.args.delta = delta
        for change in changes:
            for name, value in {**usual, **change}.items():
                setattr(trained, name, value)
            alike, plain, told = (
                compute(one, old_per_token_logps=before) for one in (spread, by_document, by_token)
            )
            assert torch.allclose(alike, plain, atol=1e-7), change
            assert torch.isfinite(told).all() and not torch.allclose(told, plain), change


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_what_sections_add_is_not_scaled(trained: Any, scale: str) -> None:
    trained.multi_objective_aggregation, trained.scale_rewards = "sum_then_normalize", scale
    trained._generate_and_score_completions(trained.made[-1][1])
    batch, rows = trained.made[-1]
    first, second = (rows[0]["completion_sections"][n] for n in (0, 1))
    told = batch["advantages"][0]
    added = (told[first.start] - told[second.start]).item()
    assert added == pytest.approx(0.5 * (first.reward - second.reward), abs=1e-5)


def test_rows_are_shuffled_and_split_with_their_advantages(make: Make) -> None:
    trainer = make(gradient_accumulation_steps=2, per_device_train_batch_size=2)
    trainer.train()
    assert find_log(trainer)["threads/sections"] == 2


def test_an_adapter_is_trained_and_a_held_out_set_is_written(make: Make) -> None:
    peft: Any = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    trainer = make(None, peft_config=config, plan_tokens=24)  # the model itself, which can't plan
    trainer.eval_dataset = trainer.train_dataset
    trainer.train()
    log = find_log(trainer)
    assert log["threads/unread"] == 1 and log["completions/max_length"] <= 24
    assert trainer.evaluate()["eval_threads/unread"] == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [({"overlong": 8}, "overlong"), ({"section_weight": -1.0}, "section_weight"),
     ({"plan_tokens": 0}, "plan_tokens"), ({"rewards": [len]}, "Nothing pays the sections")],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(
    make: Make, options: dict[str, Any], why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        make(None, **options)


def test_an_order_asks_for_threads_by_name(tiny_model: Path, tmp_path: Path) -> None:
    from longwrite.train.preparation import prepare
    from longwrite.train.running import look
    from longwrite.train.settings import read_order
    from longwrite.train.trainers import make_trainer

    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps({"prompt": "Write 40 words about boats."}) + "\n", "utf-8")
    given = (
        f"--model_name_or_path={tiny_model}", f"--dataset_name={path}",
        f"--output_dir={tmp_path}/out", "--num_generations=2", "--per_device_train_batch_size=2",
        "--rollouts=thread", "--section_weight=0.25", "--plan_tokens=8",
    )  # fmt: skip
    prepared = prepare(read_order("grpo", None, given))
    trainer = make_trainer(prepared)
    assert trainer.section_weight == 0.25 and trainer.section_reward is not None
    with pytest.raises(UsageError, match="A plan of 2 sections doesn't fit 8 tokens"):
        look(prepared, trainer, lambda line: None)
    with pytest.raises(UsageError, match="Did you mean 'thread'"):
        read_order("grpo", None, (*given, "--rollouts=treads"))


# --- for real ------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_shipped_model_plans_and_writes_and_is_trained(make: Make) -> None:
    trainer = make(
        None, model=NANO, max_steps=2, num_generations=4,
        briefs=("A 150-word guide to espalier pears.",),
    )  # fmt: skip
    before = next(trainer.model.parameters()).detach().clone()
    trainer.train()
    assert not before.equal(next(trainer.model.parameters()).detach())
    logs = [log for log in trainer.state.log_history if "loss" in log]
    assert len(logs) == 2 and all(log["threads/unread"] < 1 for log in logs)
    assert all(log["threads/sections"] > 1 for log in logs)
    tokenizer = trainer._tokenizer
    for place in range(2):
        whole, own, row = take_row(trainer, place)
        if row["completion_void"]:
            continue
        prompt = trainer.made[-1][0]["prompt_ids"][place].tolist()
        shown = tokenizer.decode([one for one in prompt if one != PAD] + whole)
        turns = re.findall(r"<\|im_start\|>(\w+)\n(.*?)(?:<\|im_end\|>|\Z)", shown, re.DOTALL)
        told = [{"role": role, "content": content} for role, content in turns]
        again = tokenizer.apply_chat_template(told, tokenize=False)
        assert again.startswith(shown) or again.startswith(shown.removesuffix("<|im_end|>"))
        assert len(own) < len(whole)


@pytest.mark.slow
def test_two_processes_draw_as_often_as_each_other_whatever_they_write(
    tiny_model: Path, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("two_processes_threads.py")
    launch(str(script), str(tiny_model), str(tmp_path), folder=tmp_path)
    first, second = (json.loads((tmp_path / f"rank{n}.json").read_text()) for n in (0, 1))
    assert len(first["rounds"]) == len(second["rounds"]) > 6
    assert [most for _, most in first["rounds"]] == [most for _, most in second["rounds"]]
    assert first["rounds"][-1] != [1, 1] and any(size == 1 for size, _ in second["rounds"])
    assert first["log"] == second["log"]
    assert first["weights"] == pytest.approx(second["weights"])
