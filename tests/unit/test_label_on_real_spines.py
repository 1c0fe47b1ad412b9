"""The numbering on real spines whose scans were kept apart from those that made its spacing prior (VID, 371 scans)."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from pipelines.steps.label import number
from pipelines.steps.spacing_prior import WIDENED, spacing
from tests.support.chains import Anchor, chain
from tests.support.vid import LABELLED, Scan, kept_apart, scans, spacing_table, windows
from vfx_finder.domain.spine import Level

SCANS = 160
Look = Callable[[Scan, tuple[Level, ...], np.random.Generator], list[Anchor] | None]


def nothing(scan: Scan, levels: tuple[Level, ...], rng: np.random.Generator) -> list[Anchor]:
    return [{} for _ in levels]


def sacrum(scan: Scan, levels: tuple[Level, ...], rng: np.random.Generator) -> list[Anchor] | None:
    """The sacrum below the lowest lumbar body; None where the window ends higher up."""
    last = Level.L6 if Level.L6 in scan else Level.L5
    return [*({} for _ in levels[1:]), {"sacrum_below": 0.98}] if levels[-1] is last else None


def noisy_ribs(scan: Scan, levels: tuple[Level, ...], rng: np.random.Generator) -> list[Anchor]:
    """Ribs as a middling network sees them: wrong at 10 % of the bodies, rarely sure."""
    seen = rng.beta(4.0, 1.3, len(levels))
    return [{"rib": float(p if level.startswith("T") else 1 - p)} for level, p in zip(levels, seen, strict=True)]


def score(look: Look, count: int) -> tuple[float, float, float]:
    """Share of middle bodies named exactly, share within one level, and mean confidence."""
    rng = np.random.default_rng(count)
    results = []
    for scan in [scan for name, scan in scans().items() if kept_apart(name)][:SCANS]:
        fits = [(one, look(scan, one, rng)) for one in windows(scan, count)]
        fits = [(one, anchors) for one, anchors in fits if anchors is not None]
        if fits:
            levels, anchors = fits[rng.integers(len(fits))]
            results.append(_judged(scan, levels, anchors or []))
    exact, near, confidence = np.array(results).mean(axis=0)
    return float(exact), float(near), float(confidence)


def _judged(scan: Scan, levels: tuple[Level, ...], anchors: list[Anchor]) -> tuple[bool, bool, float]:
    answer = number(*chain([scan[level] for level in levels], anchors)).levels[len(levels) // 2]
    places = {level: float(at) for at, level in enumerate(LABELLED)} | {Level.T13: 18.5, Level.S1: 25.0}
    off = abs(places[answer.level] - places[levels[len(levels) // 2]])
    return off == 0, off <= 1, answer.confidence


@pytest.mark.parametrize(("count", "exact", "near"), [(4, 0.40, 0.84), (6, 0.50, 0.89), (8, 0.57, 0.91)])
def test_spacing_alone_names_about_half_and_nearly_all_within_one_level(count: int, exact: float, near: float) -> None:
    right, within_one, confidence = score(nothing, count)
    assert right >= exact
    assert within_one >= near
    assert confidence == pytest.approx(right, abs=0.12)


@pytest.mark.parametrize("count", [4, 6, 8])
def test_the_sacrum_in_view_names_nineteen_of_twenty_exactly(count: int) -> None:
    right, within_one, _ = score(sacrum, count)
    assert right >= 0.95
    assert within_one >= 0.98


@pytest.mark.parametrize(("count", "exact"), [(4, 0.65), (6, 0.76), (8, 0.80)])
def test_ribs_help_even_when_a_middling_network_sees_them(count: int, exact: float) -> None:
    right, within_one, _ = score(noisy_ribs, count)
    assert right >= exact
    assert within_one >= 0.92


def test_the_spacing_prior_is_what_the_training_scans_say() -> None:
    table = spacing_table([scan for name, scan in scans().items() if not kept_apart(name)])
    for upper, lower in pairwise(LABELLED[1:]):
        told = spacing(upper, lower)
        assert told.mm == pytest.approx(table[upper][0], abs=0.11)
        assert told.log_sd == pytest.approx(WIDENED * table[upper][1], abs=0.002)
