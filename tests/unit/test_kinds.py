"""What kind of vertebra a body is decides how the chain is counted: last rib, first lumbar, on the sacrum, sacrum."""

from collections.abc import Sequence

import numpy as np
import pytest

from pipelines.steps.facts import Volume
from pipelines.steps.hypotheses import SPINES
from pipelines.steps.kinds import (
    BEHIND_MM,
    CROP_MM,
    CROP_SHAPE,
    KINDS,
    TAUGHT,
    crops,
    kind_of,
    log_evidence,
)
from pipelines.steps.label import TRANSITIONAL, Numbering, number
from pipelines.steps.straighten import OUTSIDE_HU
from tests.support.chains import Anchor, chain, straight
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

ORDINARY = tuple(level for level in HEAD_TO_FOOT if level not in (Level.C1, Level.T13, Level.L6, Level.S1))
SACRUM = 0.98


def seen_as(kind: str, share: float = 0.9) -> tuple[float, ...]:
    """What the network answers that is so sure of a kind, the rest spread as it was taught."""
    rest = np.array(TAUGHT, float)
    rest[KINDS.index(kind)] = 0.0
    answer = (1 - share) * rest / rest.sum()
    answer[KINDS.index(kind)] = share
    return tuple(answer.tolist())


def numbered(distances_of: Sequence[Level], kinds: Sequence[str], sacrum_below: bool = True) -> Numbering:
    """The numbering of a chain with the distances of these levels, its bodies seen as these kinds."""
    anchors: list[Anchor] = [{"kinds": seen_as(kind)} for kind in kinds]  # type: ignore[dict-item]
    if sacrum_below:
        anchors[-1]["sacrum_below"] = SACRUM
    return number(*chain(straight(distances_of), anchors))


def lumbar_kinds(lumbar: int, thoracic: int) -> list[str]:
    chest = ["thoracic"] * max(0, thoracic - 2) + ["last rib but one", "last rib"][-thoracic:]
    return [*chest, "first lumbar", *["lumbar"] * (lumbar - 2), "last lumbar"]


def test_the_kinds_of_a_usual_spine_come_as_often_as_the_network_was_taught() -> None:
    usual = next(spine for spine in SPINES if not spine.transitional)
    seen = [KINDS[kind_of(at, usual.levels)] for at in range(len(usual.levels))]
    assert seen[0] == "C2"
    assert seen[usual.levels.index(Level.C7)] == "last cervical"
    assert seen[usual.levels.index(Level.T12)] == "last rib"
    assert seen[usual.levels.index(Level.L5)] == "last lumbar"
    assert set(seen) == set(KINDS) - {"sacrum"}


@pytest.mark.parametrize("spine", SPINES, ids=lambda one: f"{one.levels[-2]}")
def test_in_every_spine_the_last_rib_stands_on_the_first_lumbar_body_and_the_last_on_the_sacrum(spine: object) -> None:
    levels = spine.levels  # type: ignore[attr-defined]
    seen = [KINDS[kind_of(at, levels)] for at in range(len(levels))]
    first = seen.index("first lumbar")
    assert levels[first] is Level.L1
    assert seen[first - 2 : first] == ["last rib but one", "last rib"]
    assert seen[-2:] == ["last lumbar", "S1"]
    assert [seen.count(kind) for kind in ("first rib", "last rib", "first lumbar", "last lumbar")] == [1, 1, 1, 1]


def test_six_bodies_between_the_last_rib_and_the_sacrum_are_six_lumbar_bodies_and_said_to_be_unusual() -> None:
    levels = ORDINARY[ORDINARY.index(Level.T9) : ORDINARY.index(Level.L5) + 1]
    answer = numbered(levels, lumbar_kinds(lumbar=6, thoracic=3))
    assert [one.level for one in answer.levels][-6:] == [Level.L1, Level.L2, Level.L3, Level.L4, Level.L5, Level.L6]
    assert all(TRANSITIONAL in flags for flags in answer.flags[-6:])


def test_without_an_anchor_the_last_rib_tells_the_level() -> None:
    levels = ORDINARY[ORDINARY.index(Level.T8) : ORDINARY.index(Level.L2) + 1]
    kinds = [*["thoracic"] * 3, "last rib but one", "last rib", "first lumbar", "lumbar"]
    seen, unseen = numbered(levels, kinds, sacrum_below=False), number(*chain(straight(levels)))
    assert tuple(one.level for one in seen.levels) == levels
    assert seen.levels[4].confidence > 0.85 > unseen.levels[4].confidence + 0.2


def test_a_first_sacral_piece_found_as_a_body_is_s1_and_shifts_no_name() -> None:
    """Read as body and sacrum alike by the maps, with more sacrum below: told by its kind, nothing called unusual."""
    levels = (*ORDINARY[ORDINARY.index(Level.T9) : ORDINARY.index(Level.L5) + 1], Level.S1)
    kinds = [*lumbar_kinds(lumbar=5, thoracic=4), "S1"]
    anchors: list[Anchor] = [{"kinds": seen_as(kind)} for kind in kinds]  # type: ignore[dict-item]
    anchors[-1] |= {"sacrum_below": SACRUM, "sacrum_here": 0.5}
    answer = number(*chain(straight(levels), anchors))
    assert tuple(one.level for one in answer.levels) == levels
    assert not any(TRANSITIONAL in flags for flags in answer.flags)


def test_one_body_read_wrongly_does_not_outvote_the_chain() -> None:
    levels = ORDINARY[ORDINARY.index(Level.T9) : ORDINARY.index(Level.L5) + 1]
    kinds = lumbar_kinds(lumbar=5, thoracic=4)
    kinds[5] = "last rib"  # long transverse processes of L2
    assert tuple(one.level for one in numbered(levels, kinds).levels) == levels


def test_a_kind_is_never_ruled_out_and_chance_says_nothing() -> None:
    taught = np.array(TAUGHT) / sum(TAUGHT)
    assert log_evidence(taught.tolist()) == pytest.approx(np.zeros(len(KINDS)), abs=0.02)
    assert int(np.argmax(log_evidence(seen_as("last rib", 0.8)))) == KINDS.index("last rib")
    assert float(log_evidence([1.0] + [0.0] * (len(KINDS) - 1)).min()) > -6.0


def test_kinds_however_sure_do_not_silence_the_sacrum() -> None:
    """A scan whose every body is read one level too high is still counted from the sacrum."""
    levels = ORDINARY[ORDINARY.index(Level.T9) : ORDINARY.index(Level.L5) + 1]
    anchors: list[Anchor] = [{"kinds": seen_as(kind, 0.999)} for kind in [*lumbar_kinds(5, 4)[1:], "S1"]]  # type: ignore[dict-item]
    anchors[-1] |= {"sacrum_below": SACRUM, "sacrum_here": 0.02}
    answer = number(*chain(straight(levels), anchors))
    assert answer.levels[-1].level is Level.L5


@pytest.mark.parametrize("spacing", [(0.7, 0.7, 1.0), (1.5, 1.5, 5.0), (0.5, 0.9, 0.6)])
def test_a_crop_shows_left_to_the_right_below_further_down_and_behind_further_back(
    spacing: tuple[float, float, float],
) -> None:
    """A rod of bone left of, behind and below the body is found where it lies, whatever the voxels."""
    size = [round(220 / step) for step in spacing]
    x, y, z = np.meshgrid(*(np.arange(n) * step for n, step in zip(size, spacing, strict=True)), indexing="ij")
    middle = np.array([110.0, 110.0, 110.0])
    rod = middle + np.array([40.0, 20.0, -30.0])
    hu = np.full(size, 40, np.int16)
    hu[(np.abs(x - rod[0]) < 6) & (np.abs(y - rod[1]) < 6) & (np.abs(z - rod[2]) < 6)] = 1000
    (crop,) = crops(Volume(hu, np.diag([*spacing, 1.0]), spacing[2]), [middle])
    assert crop.shape == CROP_SHAPE
    bright = np.argwhere(crop > 400).mean(0)
    half = (np.array(CROP_SHAPE) - 1) / 2
    wanted = half + np.array([30.0, 20.0 - BEHIND_MM, 40.0]) / CROP_MM
    assert bright == pytest.approx(wanted, abs=0.7)


def test_beyond_the_picture_a_crop_holds_soft_tissue() -> None:
    volume = Volume(np.full((40, 40, 40), 700, np.int16), np.eye(4), 1.0)
    (crop,) = crops(volume, [np.array([20.0, 20.0, 20.0])])
    assert crop.max() == pytest.approx(700, abs=1)
    assert crop[0, 0, 0] == OUTSIDE_HU
    assert (crop > 600).sum() == pytest.approx((40 / CROP_MM) ** 3, rel=0.25)
    (empty,) = crops(volume, [np.array([500.0, 500.0, -400.0])])
    assert (empty == OUTSIDE_HU).all()
