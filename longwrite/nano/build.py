"""The one command that makes the weights: corpus, tokenizer, training, checks.

Each stage leaves a file in the work folder, named by what decided it; a build that was stopped goes
on from the last one.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from longwrite.errors import LongwriteError
from longwrite.nano import corpus
from longwrite.nano.corpus import Conversation
from longwrite.nano.model import Nano
from longwrite.nano.prose import GENRES
from longwrite.nano.recipe import Recipe
from longwrite.nano.tokens import (
    END_OF_TEXT,
    END_OF_TURN,
    find_token,
    save_tokenizer,
    train_tokenizer,
)
from longwrite.nano.training import Point, Stage, Trainer, pack_batches, stream_batches
from longwrite.nano.transcripts import write_examples
from longwrite.scoring.repetition import duplicated_coverage

GATE = 0.02
"""Most duplicated-10-gram coverage that the corpus's own documents may have."""

_TOKENIZER_PAGES = 3_000
_TOKENIZER_DOCUMENTS = 40
_HELD_OUT = 1_000_003
"""Added to the seed for text that nothing is trained on."""

WEIGHTS = (
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json",
    "chat_template.jinja", "model.safetensors", "README.md",
)  # fmt: skip


class CorpusError(LongwriteError):
    """The corpus repeats itself too much to be trained on."""


@dataclass(frozen=True, slots=True)
class Builder:
    """A build.

    Attributes:
        recipe: What is built.
        seed: Of everything random.
        work: Folder of the stages' files.
        processes: That write text.
        device: That trains.
        tell: Told of progress.
    """

    recipe: Recipe
    seed: int
    work: Path
    processes: int
    device: str
    compiled: bool
    tell: Callable[[str], None]

    def run(self) -> Path:
        """Go through all stages; returns the folder of the weights.

        Raises:
            CorpusError: The corpus doesn't pass its gate.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        self._stage("gate.json", self._check_corpus)
        self._stage("tokenizer.json", self._make_tokenizer)
        self._stage("pages.npy", self._make_pages)
        self._stage("conversations.npz", self._make_conversations)
        for number, stage in enumerate(self.recipe.stages):
            self._stage(_name_stage(number, stage), partial(self._train, number))
        return self._export()

    def _stage(self, name: str, make: Callable[[Path], None]) -> None:
        path = self.path(name)
        if path.exists():
            self.tell(f"{name}: kept from before")
            return
        begun = time.monotonic()
        fresh = path.with_name(f"fresh-{path.name}")
        make(fresh)
        fresh.rename(path)
        self.tell(f"{name}: {time.monotonic() - begun:.0f} s")

    def path(self, name: str) -> Path:
        """Return where a stage's file is; another recipe, seed or corpus has other files."""
        decided = json.dumps([asdict(self.recipe), self.seed, digest_corpus()])
        mark = hashlib.sha256(decided.encode()).hexdigest()[:8]
        return self.work / f"{mark}-{name}"

    def _check_corpus(self, path: Path) -> None:
        found: dict[str, float] = {}
        for genre in GENRES:
            for number in range(3):
                text = corpus.write_document(
                    self.seed, genre, number, self.recipe.gate_words, self.recipe.core
                )
                covered = duplicated_coverage(text).parts["covered"]
                found[f"{genre} {number}"] = round(covered, 4)
        path.write_text(json.dumps(found, indent=1), "utf-8")
        worst = max(found, key=lambda name: found[name])
        self.tell(f"The corpus's own documents repeat {found[worst]:.1%} of themselves at most")
        if found[worst] > GATE:
            raise CorpusError(
                f"The corpus repeats itself: {found[worst]:.1%} of '{worst}'",
                f"a document of {self.recipe.gate_words:,} words may have {GATE:.0%}",
                "Add patterns or words in longwrite/nano/corpus/.",
            )

    def _make_tokenizer(self, path: Path) -> None:
        pages = corpus.write_pages(
            self.seed, min(_TOKENIZER_PAGES, self.recipe.pages),
            min(_TOKENIZER_PAGES, self.recipe.outlines), self.processes, core=self.recipe.core,
        )  # fmt: skip
        examples = write_examples(
            self.seed,
            range(min(_TOKENIZER_DOCUMENTS, self.recipe.documents)),
            core=self.recipe.core,
        )
        texts = [message.content for example in examples for message in example.messages]
        tokenizer = train_tokenizer([*pages, *texts], self.recipe.shape.vocabulary)
        tokenizer.save(str(path), pretty=False)

    def tokenizer(self) -> Tokenizer:
        """Return the tokenizer of this build."""
        return Tokenizer.from_file(str(self.path("tokenizer.json")))

    def _make_pages(self, path: Path) -> None:
        recipe = self.recipe
        pages = corpus.write_pages(
            self.seed, recipe.pages, recipe.outlines, self.processes, core=recipe.core
        )
        ids = corpus.encode_pages(self.tokenizer(), pages)
        words = sum(len(page.split()) for page in pages)
        self.tell(f"{len(pages):,} pages, {words:,} words, {len(ids):,} tokens")
        with path.open("wb") as stream:
            np.save(stream, ids)

    def _make_conversations(self, path: Path) -> None:
        found = corpus.write_conversations(
            self.tokenizer(), self.seed, self.recipe.documents, self.recipe.plans,
            self.processes, prompts=True, core=self.recipe.core,
        )  # fmt: skip
        learned = sum(int(mask.sum()) for _, mask in found)
        ids = np.concatenate([own for own, _ in found])
        self.tell(f"{len(found):,} conversations, {len(ids):,} tokens, {learned:,} of them learned")
        with path.open("wb") as stream:
            np.savez(stream, ids=ids, masks=np.concatenate([mask for _, mask in found]),
                     sizes=np.array([len(own) for own, _ in found]))  # fmt: skip

    def conversations(self) -> list[Conversation]:
        """Return the conversations of this build."""
        stored = np.load(self.path("conversations.npz"))
        ends = np.cumsum(stored["sizes"])[:-1]
        return list(
            zip(np.split(stored["ids"], ends), np.split(stored["masks"], ends), strict=True)
        )

    def _train(self, number: int, path: Path) -> None:
        stage = self.recipe.stages[number]
        model = self.model(number)
        trainer = Trainer(model, self.device, compiled=self.compiled, tell=self.tell)
        curve = trainer.run(stage, self.batches(stage, number))
        save_file(model.to("cpu").state_dict(), path)
        self.path(f"{stage.name}.curve.json").write_text(
            json.dumps([asdict(point) for point in curve]), "utf-8"
        )

    def batches(self, stage: Stage, number: int) -> Any:
        """Return the endless batches of a stage."""
        if stage.source == "pages":
            ids = np.load(self.path("pages.npy"))
            return stream_batches(ids, stage, self.seed, find_token(self.tokenizer(), END_OF_TEXT))
        return pack_batches(self.conversations(), stage, self.seed + number)

    def model(self, number: int) -> Nano:
        """Return the model as the stage before left it; for the first, with random weights."""
        torch.manual_seed(self.seed)
        model = Nano(self.recipe.shape)
        if number:
            before = _name_stage(number - 1, self.recipe.stages[number - 1])
            model.load_state_dict(load_file(self.path(before)))
        return model

    def curve(self) -> list[Point]:
        """Return the training curve of all stages."""
        rows = [
            row for stage in self.recipe.stages
            for row in json.loads(self.path(f"{stage.name}.curve.json").read_text("utf-8"))
        ]  # fmt: skip
        return [Point(**row) for row in rows]

    def perplexity(self) -> dict[str, float]:
        """Return the perplexity on text that nothing was trained on: plain pages, and replies."""
        model = self.model(len(self.recipe.stages))
        trainer = Trainer(model, self.device, compiled=False, tell=self.tell)
        tokenizer, seed = self.tokenizer(), self.seed + _HELD_OUT
        pages = corpus.encode_pages(tokenizer, corpus.write_pages(seed, 100, core=self.recipe.core))
        replies = corpus.write_conversations(tokenizer, seed, 12, 12, core=self.recipe.core)
        plain = Stage("held-out pages", "pages", 1024, 4, 1, 0, 0)
        chat = Stage("held-out replies", "conversations", 2304, 2, 1, 0, 0)
        end = find_token(tokenizer, END_OF_TEXT)
        return {
            "pages": round(trainer.measure(stream_batches(pages, plain, seed, end), 8), 3),
            "replies": round(trainer.measure(pack_batches(replies, chat, seed), 8), 3),
        }

    def _export(self) -> Path:
        folder = self.path("weights")
        folder.mkdir(exist_ok=True)
        export_model(self.model(len(self.recipe.stages)), self.tokenizer(), folder)
        self.tell(f"{folder}: {sum(f.stat().st_size for f in folder.iterdir()) / 1e6:.2f} MB")
        return folder


def _name_stage(number: int, stage: Stage) -> str:
    return f"{number + 1}-{stage.name.replace(' ', '-')}.safetensors"


def export_model(model: Nano, tokenizer: Tokenizer, folder: Path) -> None:
    """Write a folder that transformers, vLLM and the nano engine load."""
    end, pad = find_token(tokenizer, END_OF_TURN), find_token(tokenizer, END_OF_TEXT)
    weights = model.export_weights()
    path = folder / "model.safetensors"
    save_file(weights, path, {"format": "pt"})
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    digest = hashlib.sha256(data[start:]).hexdigest()
    save_file(weights, path, {"format": "pt", "sha256": digest})
    config = json.dumps(model.config(end, pad), indent=2)
    (folder / "config.json").write_text(config + "\n", "utf-8")
    generation = {
        "do_sample": True, "temperature": 0.8, "top_p": 0.95,
        "eos_token_id": [end, pad], "pad_token_id": pad,
    }  # fmt: skip
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n", "utf-8")
    save_tokenizer(tokenizer, folder, model.shape.context)


def install_weights(folder: Path) -> None:
    """Copy a folder's weights and their card into the package."""
    with_package = Path(str(files("longwrite.nano")))
    for name in WEIGHTS:
        shutil.copyfile(folder / name, with_package / name)


_WITHOUT_TEXT = {
    "__init__", "__main__", "bound", "build", "card", "checks", "model", "plots", "recipe",
    "training",
}  # fmt: skip
"""Modules of this package that the corpus doesn't depend on."""


@cache
def digest_corpus() -> str:
    """Return a digest of all that the corpus is written from: its words and this package's code."""
    digest = hashlib.sha256()
    root = Path(str(files("longwrite.nano")))
    for path in sorted(root.rglob("*")):
        if path.suffix == ".txt" or (path.suffix == ".py" and path.stem not in _WITHOUT_TEXT):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
