"""Rows of the benchmark: several peers measured in turn, so that the machine's moods meet all of them."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Sample = Callable[[], float]


class MissingPeerError(Exception):
    """A peer that cannot be measured here, and why."""


@dataclass(frozen=True)
class Target:
    """What Ingot must reach, as Ingot's figure over the peer's."""

    peer: str
    first: float
    goal: float


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        name: As in the JSON file.
        unit: Of the samples.
        what: What is measured, in a few words.
        peers: By name, what prepares the peer and returns the function that takes one sample.
        targets: Against which peers Ingot is held.
        higher_is_better: Whether targets are lower bounds.
        rounds: How many samples of each peer.
        most: What Ingot's own figure is held against, where there is no peer.
    """

    name: str
    unit: str
    what: str
    peers: dict[str, Callable[[], Sample]]
    targets: tuple[Target, ...]
    higher_is_better: bool = False
    rounds: int = 9
    most: float | None = None


@dataclass
class Figure:
    """The samples of a row by peer, and why peers are missing."""

    row: Row
    samples: dict[str, list[float]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def median(self, peer: str) -> float:
        """The peer's figure."""
        return statistics.median(self.samples[peer])

    def spread(self, peer: str) -> tuple[float, float]:
        """Where the middle half of the samples lies."""
        if len(self.samples[peer]) == 1:
            return (self.samples[peer][0],) * 2
        lower, _, upper = statistics.quantiles(self.samples[peer], n=4, method="inclusive")
        return lower, upper

    def ratio(self, target: Target) -> float | None:
        """Ingot's figure over the peer's, if both were measured."""
        if "ingot" not in self.samples or target.peer not in self.samples:
            return None
        return self.median("ingot") / self.median(target.peer)


def run(row: Row, rounds: int | None = None) -> Figure:
    """Measures the peers of a row in rounds: first, second, third, first, second, third, ..."""
    figure = Figure(row)
    takers: dict[str, Sample] = {}
    for name, prepare in row.peers.items():
        try:
            takers[name] = prepare()
        except MissingPeerError as reason:
            figure.left_out[name] = str(reason)
    for _ in range(rounds or row.rounds):
        for name, take in takers.items():
            figure.samples.setdefault(name, []).append(take())
    return figure


def median_seconds(call: Callable[[], object], calls: int) -> float:
    """The median time of one call."""
    clock = time.perf_counter
    times = []
    for _ in range(calls):
        start = clock()
        call()
        times.append(clock() - start)
    return statistics.median(times)


def mean_seconds(call: Callable[[], object], calls: int) -> float:
    """The mean time of a call too short to be timed alone."""
    repeat = range(calls)
    start = time.perf_counter()
    for _ in repeat:
        call()
    return (time.perf_counter() - start) / calls
