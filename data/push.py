"""Uploading to the Hub: of a finished set rows, card and funnel page, nothing else of the build."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from longwrite.data.card import list_configs
from longwrite.errors import EngineError, UsageError

_SHIPPED = ("README.md", "build.json", "funnel.html")
_NAMES = {"dataset": "set", "model": "model"}


def list_upload(folder: Path) -> list[Path]:
    """Return the files of a set that are uploaded.

    Raises:
        UsageError: The folder holds no finished set, or it has no card.
    """
    rows = [path for files in list_configs(folder).values() for path in files]
    if not (folder / "README.md").is_file():
        raise UsageError(f"{folder} has no card", "", f"Write it: longwrite data card {folder}")
    return [*rows, *(folder / name for name in _SHIPPED if (folder / name).is_file())]


def push(folder: Path, repository: str, *, private: bool = True, api: Any = None) -> str:
    """Upload a set in one commit and return its address.

    Args:
        folder: Of the set.
        repository: ``owner/name``; made when absent.
        private: Whether a new repository is private.
        api: A `huggingface_hub.HfApi`; None for one with the usual token.

    Raises:
        UsageError: The set isn't finished, or huggingface_hub isn't installed.
        EngineError: The Hub refuses or can't be reached.
    """
    return upload("dataset", folder, list_upload(folder), repository, private=private, api=api)


def upload(
    kind: Literal["dataset", "model"],
    folder: Path,
    files: Sequence[Path],
    repository: str,
    *,
    private: bool = True,
    api: Any = None,
) -> str:
    """Upload files in one commit and return the repository's address.

    Args:
        kind: Of the repository. Rows of a set that stand there and are no longer among the files
            are deleted; nothing of a model is.
        folder: That the files lie in.
        files: What is uploaded.
        repository: ``owner/name``; made when absent.
        private: Whether a new repository is private.
        api: A `huggingface_hub.HfApi`; None for one with the usual token.

    Raises:
        UsageError: The name is none, or huggingface_hub isn't installed.
        EngineError: The Hub refuses or can't be reached.
    """
    try:
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError as error:
        raise UsageError(
            f"The {_NAMES[kind]} can't be uploaded",
            "that needs huggingface_hub",
            "pip install 'longwrite[train]'.",
        ) from error
    api = api or HfApi()
    try:
        api.create_repo(repository, repo_type=kind, private=private, exist_ok=True)
        added = [
            CommitOperationAdd(str(path.relative_to(folder).as_posix()), path) for path in files
        ]
        removed: list[str] = []
        if kind == "dataset":
            known = api.list_repo_files(repository, repo_type=kind)
            stale = {name for name in known if name.startswith("data/")}
            removed = sorted(stale - {operation.path_in_repo for operation in added})
        operations = [*added, *(CommitOperationDelete(name) for name in removed)]
        commit = api.create_commit(
            repository, operations, commit_message=f"Upload the {_NAMES[kind]}", repo_type=kind
        )
        return str(commit.repo_url)
    except HFValidationError as error:
        raise UsageError(
            f"'{repository}' is no repository", str(error), "Write OWNER/NAME."
        ) from error
    except (HfHubHTTPError, OSError) as error:
        said = " ".join(str(error).split())[:300]
        raise EngineError(
            f"{repository} can't be uploaded to",
            said,
            "See the name and HF_TOKEN, then push again.",
        ) from error
