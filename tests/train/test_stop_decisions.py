"""What decisions to end or to go on count: against logits written out in full."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from longwrite.errors import UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from longwrite.train.countdown import fit_countdown  # noqa: E402
from longwrite.train.rows import IGNORED  # noqa: E402
from longwrite.train.sft import LongSFTTrainer, weigh_tokens  # noqa: E402
from longwrite.train.stop_decisions import StopDecisions, score_decisions  # noqa: E402

STOP = 1
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")


def make_row(prompt: int, text: int, *, whole: bool = True) -> dict[str, list[int]]:
    reply = [10 + number % 90 for number in range(text)] + [STOP] * whole
    asked = [2] + [100 + number % 90 for number in range(prompt - 1)]
    return {"input_ids": asked + reply, "labels": [IGNORED] * prompt + reply}


def make_trainer(
    folder: Path, out: Path, weight: float, *, told: bool = False, weighting: str = "token",
    adapter: bool = False, **options: Any,
) -> Any:  # fmt: skip
    trl: Any = import_module("trl")
    config = trl.SFTConfig(
        output_dir=str(out), use_cpu=True, bf16=False, seed=0, report_to="none", max_length=64,
        per_device_train_batch_size=4, save_strategy="no", disable_tqdm=True, **options,
    )  # fmt: skip
    peft: Any = import_module("peft") if adapter else None
    trainer = LongSFTTrainer(
        model=str(folder),
        args=config,
        train_dataset=import_module("datasets").Dataset.from_list(
            [make_row(3 + number % 4, 5 + number, whole=number != 2) for number in range(8)]
        ),
        processing_class=import_module("transformers").AutoTokenizer.from_pretrained(folder),
        peft_config=peft.LoraConfig(target_modules=["q_proj"]) if adapter else None,
        weighting=weighting,
    )
    trainer.weigh_stops({STOP}, weight)
    if told:
        trainer.teach_countdown(fit_countdown(trainer.model, longest=40), {STOP})
    return trainer


def measure_loss(trainer: Any, batch: dict[str, Any]) -> Any:
    trainer.model.train()
    return trainer.compute_loss(trainer.model, dict(batch))


def score_in_full(trainer: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
    """Return the log-probabilities of the labels, and of ending or going on as they do."""
    given = {name: one for name, one in batch.items() if name != "labels"}
    scores = trainer.model(**given).logits[:, :-1].log_softmax(-1)
    labels = batch["labels"][:, 1:]
    labelled = scores.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    ending = scores[..., STOP]
    decided = torch.where(labels == STOP, ending, torch.log1p(-ending.exp()))
    learned = labels != IGNORED
    return labelled * learned, decided * learned


@pytest.mark.parametrize("bias", [False, True])
def test_decisions_are_scored_from_what_labels_were(bias: bool) -> None:
    torch.manual_seed(0)
    head, hidden = torch.nn.Linear(16, 50, bias=bias), torch.randn(7, 16)
    labels, stops = torch.tensor([1, 7, 4, 4, 20, 1, 49]), torch.tensor([1, 4])
    scores = head(hidden).log_softmax(-1)
    found = score_decisions(hidden, labels, scores[torch.arange(7), labels], stops, head)
    probability = scores[:, stops].exp().sum(-1)
    ends = torch.isin(labels, stops)
    torch.testing.assert_close(found, torch.where(ends, probability, 1 - probability).log())


@pytest.mark.parametrize(
    "options",
    [{}, {"packing": True}, {"adapter": True}, {"activation_checkpointing": True}, {"told": True}],
    ids=["padded", "packed", "adapter", "checkpointed", "told a count"],
)
def test_each_decision_counts_so_many_times(options: Any, tiny_model: Path, tmp_path: Path) -> None:
    if options.pop("activation_checkpointing", False):
        options["gradient_checkpointing"] = True
    trainer = make_trainer(tiny_model, tmp_path, 5.0, **options)
    batch = next(iter(trainer.get_train_dataloader()))
    loss = measure_loss(trainer, batch)
    labelled, decided = score_in_full(trainer, batch)
    learned = (batch["labels"][:, 1:] != IGNORED).sum()
    assert float(decided.sum()) < 0
    expected = -(labelled + 4.0 * decided).sum() / learned
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)
    wanted = torch.autograd.grad(expected, first_weight(trainer))[0]
    torch.testing.assert_close(
        torch.autograd.grad(loss, first_weight(trainer))[0], wanted, rtol=1e-3, atol=1e-6
    )


def first_weight(trainer: Any) -> Any:
    return next(one for one in trainer.model.parameters() if one.requires_grad)


def test_a_row_s_decisions_count_as_its_tokens_do(tiny_model: Path, tmp_path: Path) -> None:
    trainer = make_trainer(tiny_model, tmp_path, 5.0, weighting="sequence")
    batch = next(iter(trainer.get_train_dataloader()))
    labelled, decided = score_in_full(trainer, batch)
    weighed = (labelled + 4.0 * decided) * weigh_tokens(batch)
    expected = -weighed.sum() / len(batch["labels"])
    torch.testing.assert_close(measure_loss(trainer, batch), expected, rtol=1e-4, atol=1e-5)


def test_a_weight_of_one_and_evaluation_are_the_plain_loss(
    tiny_model: Path, tmp_path: Path
) -> None:
    plain = make_trainer(tiny_model, tmp_path / "plain", 1.0)
    weighed = make_trainer(tiny_model, tmp_path / "weighed", 5.0)
    batch = next(iter(plain.get_train_dataloader()))
    labelled, _ = score_in_full(plain, batch)
    learned = (batch["labels"][:, 1:] != IGNORED).sum()
    torch.testing.assert_close(measure_loss(plain, batch), -labelled.sum() / learned)
    assert float(measure_loss(weighed, batch)) > float(measure_loss(plain, batch)) + 1e-3
    for trainer in (plain, weighed):
        trainer.model.eval()
    with torch.no_grad():
        losses = [one.compute_loss(one.model, dict(batch)) for one in (plain, weighed)]
    torch.testing.assert_close(*losses)


def test_what_is_weighed_is_learned_before_the_words(tiny_model: Path, tmp_path: Path) -> None:
    decisions, words = [], []
    for weight in (1.0, 5.0):
        trainer = make_trainer(
            tiny_model, tmp_path / str(weight), weight, told=True, max_steps=20, learning_rate=1e-2
        )
        trainer.train()
        trainer.model.eval()
        batch = next(iter(trainer.get_train_dataloader()))
        with torch.no_grad():
            labelled, decided = score_in_full(trainer, batch)
        decisions.append(-float(decided.sum()))
        words.append(-float((labelled - decided).sum()))
    assert decisions[1] < 0.5 * decisions[0]
    assert words[1] > words[0]


@pytest.mark.parametrize(
    ("weight", "options", "why"),
    [
        (0.5, {}, "the weight is 0.5"),
        (float("nan"), {}, "the weight is nan"),
        (2.0, {"loss_type": "dft"}, "the loss is 'dft'"),
        (2.0, {"label_smoothing_factor": 0.1}, "labels are smoothed"),
    ],
)
def test_what_can_t_be_weighed_is_refused(
    weight: float, options: Any, why: str, tiny_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=why):
        make_trainer(tiny_model, tmp_path, weight, **options)


def test_a_model_that_caps_its_logits_is_refused() -> None:
    auto: Any = import_module("transformers")
    sizes = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1,
             "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8}  # fmt: skip
    config = auto.AutoConfig.for_model("gemma2", **sizes, final_logit_softcapping=0.1)
    model = auto.AutoModelForCausalLM.from_config(config)
    with pytest.raises(UsageError, match="scales or caps its logits"):
        StopDecisions(model, [STOP], 2.0)
