"""Faults by the hundred: as many as are asked for, and what they came to told at the end.

`make test` runs each of these tests in a short form, `make faults` runs them whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

_OWN = "fault: "


@pytest.fixture
def amount(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """Return the first of two numbers, or the second where the tests run whole."""
    thorough = request.config.getoption("--thorough")
    return lambda short, whole: whole if thorough else short


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str, int], None]:
    """Return what notes a figure; those of one name are added up and shown at the end."""
    return lambda name, value: record_property(f"{_OWN}{name}", value)


@pytest.fixture(scope="session")
def workshop() -> Iterator[Any]:
    """Return where works are begun as often as wanted (`works.Workshop`)."""
    from tests.faults.works import opening

    with opening() as opened:
        yield opened


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the sums of what was told."""
    found: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name.startswith(_OWN) and getattr(report, "when", "") == "call":
                    found[name.removeprefix(_OWN)] += value
    if found:
        terminalreporter.section("faults")
        for name, value in sorted(found.items()):
            terminalreporter.write_line(f"{value:>9,}  {name}")
