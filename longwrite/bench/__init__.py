"""Published benchmarks of long output, one file each: read their items, score, tell the table.

`BENCHMARKS` is the one table: a name to ``module:Class``. No item is shipped: who wants to measure
names the benchmark's own file. What a table says of a text, it says with the counter of words, the
way the responses were made and the judge, for without these a figure can't be compared.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from typing import TYPE_CHECKING, Any

from longwrite.errors import UsageError

if TYPE_CHECKING:
    from longwrite.bench.benchmark import Benchmark

BENCHMARKS = {
    "longbench_write": "longwrite.bench.longbench_write:LongBenchWrite",
    "longen": "longwrite.bench.longen:LonGen",
    "hellobench": "longwrite.bench.hellobench:HelloBench",
    "sgt": "longwrite.bench.sgt:SpinningTheGoldenThread",
}
"""Name to ``module:Class``."""


def find_benchmark(name: str) -> Benchmark[Any]:
    """Return the benchmark of that name.

    Raises:
        UsageError: There is none.
    """
    if name not in BENCHMARKS:
        near = difflib.get_close_matches(name.lower(), BENCHMARKS, n=1)
        mend = f"Did you mean {near[0]}?" if near else f"Use one of {', '.join(BENCHMARKS)}."
        raise UsageError(f"There is no benchmark {name[:80]!r}", mend=mend)
    module, _, attribute = BENCHMARKS[name].partition(":")
    benchmark: Benchmark[Any] = getattr(import_module(module), attribute)()
    return benchmark
