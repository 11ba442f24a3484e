"""Ratios and spreads, computed round by round: a slow minute hits both sides."""

import statistics
from dataclasses import dataclass
from typing import Any

from .plan import Target

#: A work's rounds: what each peer gave in it.
Rounds = list[dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Spread:
    """Median, least and greatest over the rounds."""

    median: float
    low: float
    high: float
    rounds: int


def spread(values: list[float]) -> Spread | None:
    """None without values."""
    if not values:
        return None
    return Spread(statistics.median(values), min(values), max(values), len(values))


def values(rounds: Rounds, peer: str, metric: str) -> list[float]:
    """A peer's figure of each round in which it has one."""
    return [found[metric] for one in rounds if metric in (found := one.get(peer, {}))]


def ratios(rounds: Rounds, metric: str, peers: tuple[str, ...], most: bool = False) -> list[float]:
    """Holdfast's figure by that of the best of `peers`, a value for each round that has both.

    The best is the greatest, or the least where less is better (`most`).
    """
    best = min if most else max
    return [
        one["holdfast"][metric] / best(others)
        for one in rounds
        if metric in one.get("holdfast", {})
        and (others := [one[peer][metric] for peer in peers if metric in one.get(peer, {})])
    ]


@dataclass(frozen=True)
class Verdict:
    """A target, what was found, and whether that meets it; None for what could not be measured."""

    target: Target
    found: Spread | None
    met: bool | None


def judge(target: Target, rounds: Rounds) -> Verdict:
    """The median decides; for errors and the slowest the worst round does."""
    if target.against:
        found = spread(ratios(rounds, target.metric, target.against, target.most))
    else:
        found = spread(values(rounds, "holdfast", target.metric))
    if found is None:
        return Verdict(target, None, None)
    worst = found.high if target.most else found.low
    return Verdict(target, found, target.met(worst if target.worst else found.median))


def reason(rounds: Rounds, peer: str) -> str | None:
    """Why a peer has no figures in a round, if that is so; a failure goes before a skip."""
    for kind in ("lost", "failed", "skipped"):
        for one in rounds:
            if kind in one.get(peer, {}):
                return f"{kind}: {one[peer][kind]}"
    return None
