"""Call patterns of other writing agents, on the same engine, from descriptions of their code.

Each takes a length and an engine and returns the text. What is shared out fairly: sections of
about 800 tokens as ours, no failures, and the order within a prompt that an engine's cache likes
best where the description leaves it open.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from benchmarks.peers.agentwrite import write_agentwrite
from benchmarks.peers.cogwriter import write_cogwriter
from benchmarks.peers.storm import write_storm
from longwrite.engines.engine import Engine

Peer = Callable[[str, int, Engine, int], Awaitable[str]]
"""Takes the wish, the words, the engine and the calls in flight; returns the text."""

PEERS: dict[str, Peer] = {
    "AgentWrite": write_agentwrite,
    "CogWriter": write_cogwriter,
    "STORM": write_storm,
}
