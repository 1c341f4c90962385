"""The house: what is packaged is what is there, files are small, imports light."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SIDES = ("planners", "rewards", "data", "cli")
"""Folders at the top of the repository that Python sees inside the package."""

SOURCES = sorted(
    path
    for top in ("longwrite", *SIDES, "tests")
    for path in (ROOT / top).rglob("*.py")
    if top != "longwrite" or path.relative_to(ROOT / top).parts[0] not in SIDES
)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]


def source_folder(package: str) -> Path:
    """Return the folder that a package of the list is taken from."""
    mapped: dict[str, str] = SETUPTOOLS["package-dir"]
    return ROOT / mapped.get(package, package.replace(".", "/"))


def test_the_package_list_is_the_tree() -> None:
    core = ROOT / "longwrite"
    inside = {
        ".".join(("longwrite", *path.parent.relative_to(core).parts))
        for path in SOURCES
        if path.is_relative_to(core)
    }
    assert set(SETUPTOOLS["packages"]) == inside | {f"longwrite.{name}" for name in SIDES}
    assert len(SETUPTOOLS["packages"]) == len(set(SETUPTOOLS["packages"]))
    for package in SETUPTOOLS["packages"]:
        assert (source_folder(package) / "__init__.py").is_file()


def test_side_folders_are_mapped_linked_and_flat() -> None:
    mapped = {"longwrite": "longwrite"} | {f"longwrite.{name}": name for name in SIDES}
    assert SETUPTOOLS["package-dir"] == mapped
    for name in SIDES:
        link = ROOT / "longwrite" / name
        assert link.is_symlink() and os.readlink(link) == f"../{name}"
        assert all(path.parent == ROOT / name for path in (ROOT / name).rglob("*.py"))


def test_every_data_file_is_packaged() -> None:
    packaged = {
        path
        for package, patterns in SETUPTOOLS["package-data"].items()
        for pattern in patterns
        for path in source_folder(package).glob(pattern)
    }
    there = {
        path
        for top in ("longwrite", *SIDES)
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc"} and path.name[0] != "."
    }
    resolved = {path.resolve() for path in there}
    assert {path.resolve() for path in packaged} == resolved
    assert SETUPTOOLS["include-package-data"] is False


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_small_says_why_it_is_there_and_imports_absolutely(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 450
    tree = ast.parse(text)
    docstring = ast.get_docstring(tree)
    assert (docstring and docstring.endswith((".", ":", "```"))) or docstring, "it has a docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno} imports relatively"
            assert (node.module or "").split(".")[0] not in SIDES, f"line {node.lineno}"
        elif isinstance(node, ast.Import):
            tops = {alias.name.split(".")[0] for alias in node.names}
            assert tops.isdisjoint(SIDES), f"line {node.lineno}"


HEAVY = ("torch", "transformers", "openai", "numpy", "rich", "pydantic", "markdown_it", "yaml")


def loaded(module: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after an import."""
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_the_command_line_starts_light() -> None:
    assert loaded("longwrite.cli.main").isdisjoint({*HEAVY, "typer", "inspect"})
    assert loaded("longwrite.cli.app").isdisjoint(HEAVY)


def test_the_interface_needs_neither_torch_nor_a_client() -> None:
    assert loaded("longwrite.api").isdisjoint({"torch", "transformers", "openai", "rich"})


def test_the_commands_lead_to_functions() -> None:
    for target in PROJECT["project"]["scripts"].values():
        module, _, name = target.partition(":")
        package, _, file = module.rpartition(".")
        assert f"def {name}(" in (source_folder(package) / f"{file}.py").read_text("utf-8")
