"""How long a step of the engine takes: one H100 with Llama 3.1 8B, from data sheets.

A step reads all weights once and the keys and values of every running request, and computes its
tokens; the three times are added. None of the constants was chosen by what a benchmark gives:

- Llama 3.1 8B: 8.03e9 weights of 2 bytes; keys and values of 32 layers x 8 heads x 128 x 2 x 2
  bytes = 131,072 bytes a token (its config.json).
- H100 SXM: 80 GB, 3.35 TB/s, 989 TFLOP/s dense in bf16 (NVIDIA's data sheet).
- 77 % of the bandwidth is reached when decoding this model (johnmusgrave.com, vLLM on an A100).
  Half of the arithmetic is reached in prefill: assumed, no source; it moves AgentWrite's time and
  ours alike.
- 0.9 of the memory is used and 8,192 tokens are computed in a step at most (vLLM's defaults on an
  H100); 2 GB are taken by activations: assumed.

At 128 requests of 3,000 tokens this gives 7,000 tokens/s and alone 154; third parties report 12,500
as the most and about 150.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides how long a step takes.

    Attributes:
        base: Seconds of a step by itself: the weights are read.
        per_context: Seconds for each token of keys and values that is read.
        per_token: Seconds to compute a token, of a prompt or of an answer.
        chunk: Prompt tokens that a step computes at most.
        capacity: Tokens of keys and values that fit.
        most: Requests that run at the same time.
    """

    base: float
    per_context: float
    per_token: float
    chunk: int
    capacity: int
    most: int


_WEIGHTS = 8.03e9
_WEIGHT_BYTES = 2 * _WEIGHTS
_CONTEXT_BYTES = 32 * 8 * 128 * 2 * 2
_BANDWIDTH = 0.77 * 3.35e12
_ARITHMETIC = 0.5 * 989e12

H100 = Machine(
    base=_WEIGHT_BYTES / _BANDWIDTH,
    per_context=_CONTEXT_BYTES / _BANDWIDTH,
    per_token=2 * _WEIGHTS / _ARITHMETIC,
    chunk=8_192,
    capacity=int((0.9 * 80e9 - _WEIGHT_BYTES - 2e9) / _CONTEXT_BYTES),
    most=256,
)

IDEAL = Machine(base=1.0, per_context=0.0, per_token=0.0, chunk=10**9, capacity=10**12, most=10**9)
"""Each written token takes a second and all else nothing: the time of a run is its depth."""


def steps_time(machine: Machine, count: int, running: int, context: int) -> float:
    """Return the seconds of some decoding steps, each of which adds a token to every request.

    Args:
        machine: On what.
        count: Steps.
        running: Requests.
        context: Tokens of keys and values of all of them, before the first step.
    """
    read = count * context + running * count * (count - 1) // 2
    per_step = machine.base + running * machine.per_token
    return count * per_step + read * machine.per_context
