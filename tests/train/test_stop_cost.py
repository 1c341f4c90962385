"""What the stop token's probabilities within a reply cost: against logits written out in full."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from longwrite.errors import UsageError

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from longwrite.engines.countdown import NOTHING  # noqa: E402
from longwrite.train.countdown import fit_countdown  # noqa: E402
from longwrite.train.rows import IGNORED  # noqa: E402
from longwrite.train.sft import LongSFTTrainer, weigh_tokens  # noqa: E402
from longwrite.train.stop_cost import StopCost, score_stops  # noqa: E402

STOP = 1
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")


def make_row(prompt: int, text: int) -> dict[str, list[int]]:
    reply = [10 + number % 90 for number in range(text)] + [STOP]
    asked = [2] + [100 + number % 90 for number in range(prompt - 1)]
    return {"input_ids": asked + reply, "labels": [IGNORED] * prompt + reply}


def make_trainer(
    folder: Path, out: Path, weight: float, *, blank: float = 0.0, weighting: str = "token",
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
            [make_row(3 + number % 4, 5 + number) for number in range(8)]
        ),
        processing_class=import_module("transformers").AutoTokenizer.from_pretrained(folder),
        peft_config=peft.LoraConfig(target_modules=["q_proj"]) if adapter else None,
        weighting=weighting,
    )
    countdown = fit_countdown(trainer.model, longest=40)
    trainer.teach_countdown(countdown, {STOP}, blank=blank, stop_weight=weight)
    return trainer


def measure_loss(trainer: Any, batch: dict[str, Any]) -> Any:
    trainer.model.train()
    return trainer.compute_loss(trainer.model, dict(batch))


def score_in_full(trainer: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
    """Return the log-probabilities of the labels, and of going on where a count says so."""
    given = {name: one for name, one in batch.items() if name != "labels"}
    scores = trainer.model(**given).logits[:, :-1].log_softmax(-1)
    labels, remaining = batch["labels"][:, 1:], batch["remaining"][:, 1:]
    labelled = scores.gather(-1, labels.clamp(min=0)[..., None])[..., 0]
    going_on = torch.log1p(-scores[..., STOP].exp())
    return labelled * (labels != IGNORED), going_on * (remaining > 0)


@pytest.mark.parametrize("bias", [False, True])
def test_stops_are_scored_from_what_labels_were(bias: bool) -> None:
    torch.manual_seed(0)
    head, hidden = torch.nn.Linear(16, 50, bias=bias), torch.randn(7, 16)
    labels, stops = torch.randint(50, (7,)), torch.tensor([1, 4])
    scores = head(hidden).log_softmax(-1)
    found = score_stops(hidden, labels, scores[torch.arange(7), labels], stops, head)
    torch.testing.assert_close(found, scores[:, stops].logsumexp(-1))


@pytest.mark.parametrize(
    "options",
    [{}, {"packing": True}, {"adapter": True}, {"activation_checkpointing": True}, {"blank": 0.5}],
    ids=["padded", "packed", "adapter", "checkpointed", "half untold"],
)
def test_the_cost_is_that_of_each_decision_to_go_on(
    options: Any, tiny_model: Path, tmp_path: Path
) -> None:
    if options.pop("activation_checkpointing", False):
        options["gradient_checkpointing"] = True
    trainer = make_trainer(tiny_model, tmp_path, 5.0, **options)
    batch = next(iter(trainer.get_train_dataloader()))
    loss = measure_loss(trainer, batch)
    labelled, going_on = score_in_full(trainer, batch)
    learned = (batch["labels"][:, 1:] != IGNORED).sum()
    assert float(going_on.sum()) < 0
    expected = -(labelled + 5.0 * going_on).sum() / learned
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
    labelled, going_on = score_in_full(trainer, batch)
    weighed = (labelled + 5.0 * going_on) * weigh_tokens(batch)
    expected = -weighed.sum() / len(batch["labels"])
    torch.testing.assert_close(measure_loss(trainer, batch), expected, rtol=1e-4, atol=1e-5)


def test_untold_rows_and_evaluation_cost_nothing(tiny_model: Path, tmp_path: Path) -> None:
    plain = make_trainer(tiny_model, tmp_path / "plain", 0.0)
    charged = make_trainer(tiny_model, tmp_path / "charged", 5.0)
    batch = next(iter(plain.get_train_dataloader()))
    assert float(measure_loss(charged, batch)) > float(measure_loss(plain, batch)) + 1e-3
    untold = batch | {"remaining": torch.full_like(batch["remaining"], NOTHING)}
    torch.testing.assert_close(measure_loss(charged, untold), measure_loss(plain, untold))
    for trainer in (plain, charged):
        trainer.model.eval()
    with torch.no_grad():
        losses = [one.compute_loss(one.model, dict(batch)) for one in (plain, charged)]
    torch.testing.assert_close(*losses)


def test_a_model_that_is_charged_learns_to_go_on(tiny_model: Path, tmp_path: Path) -> None:
    found = []
    for weight in (0.0, 30.0):
        trainer = make_trainer(
            tiny_model, tmp_path / str(weight), weight, max_steps=60, learning_rate=1e-2
        )
        trainer.train()
        trainer.model.eval()
        batch = next(iter(trainer.get_train_dataloader()))
        with torch.no_grad():
            found.append(float(-score_in_full(trainer, batch)[1].sum()))
    assert found[1] < 0.5 * found[0]


@pytest.mark.parametrize(
    ("weight", "options", "why"),
    [
        (-1.0, {}, "the weight is -1"),
        (float("nan"), {}, "the weight is nan"),
        (1.0, {"loss_type": "dft"}, "the loss is 'dft'"),
        (1.0, {"label_smoothing_factor": 0.1}, "labels are smoothed"),
    ],
)
def test_what_can_t_be_charged_is_refused(
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
        StopCost(model, [STOP], 1.0)
