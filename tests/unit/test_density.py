"""Bone density: the inside of one sound vertebra and nothing else, or the reason why there is no number."""

from pathlib import Path

import pytest

from pipelines.steps.density import bone_density
from pipelines.steps.facts import Volume
from tests.support import bone_blocks as blocks
from tests.support.bone_blocks import Painted, ball, everywhere
from vfx_finder.domain.bone_density import (
    CANDIDATES,
    BoneDensity,
    Contrast,
    Exposure,
    PassedOver,
    WhyNot,
)
from vfx_finder.domain.spine import Level

FOUND = blocks.located()


def density_of(*things: Painted, turn: float = 0.0, **said: object) -> BoneDensity:
    return bone_density(blocks.volume(*things, turn_degrees=turn), FOUND.stack, blocks.sites(FOUND, **said))


def why(answer: BoneDensity) -> dict[Level, WhyNot]:
    return {one.level: one.why for one in answer.passed_over}


def test_the_inside_of_l1_is_read_and_its_cortex_is_not() -> None:
    answer = density_of()
    assert answer.measured is not None
    assert (answer.measured.level, answer.passed_over) == (Level.L1, ())
    assert answer.measured.mean_hu == pytest.approx(blocks.TRABECULAR_HU, abs=2)
    assert answer.measured.sd_hu < 1.1 * blocks.NOISE_HU
    assert 150 <= answer.measured.area_mm2 <= 220, "about the 200 mm2 that repeated scans recommend"
    assert answer.measured.volume_mm3 > 1000


@pytest.mark.parametrize("turn", [-12.0, 9.0])
def test_the_way_the_grid_lies_changes_nothing(turn: float) -> None:
    answer = density_of(turn=turn)
    assert answer.measured is not None
    assert answer.measured.mean_hu == pytest.approx(blocks.TRABECULAR_HU, abs=3)


def test_an_enhanced_basivertebral_vein_is_kept_out() -> None:
    """It enters from behind in the middle of the height; with contrast it is far brighter than marrow."""
    vein = Painted(Level.L1, lambda p, x, h: (p > -2) & (abs(x) < 3) & (abs(h) < 3), 380.0)
    answer = density_of(vein)
    assert answer.measured is not None
    assert answer.measured.level is Level.L1
    assert answer.measured.mean_hu == pytest.approx(blocks.TRABECULAR_HU, abs=4)
    assert answer.measured.left_out > 0.01


@pytest.mark.parametrize(("hu", "radius"), [(420.0, 3.5), (-60.0, 3.5)])
def test_a_small_island_or_haemangioma_does_not_count(hu: float, radius: float) -> None:
    answer = density_of(Painted(Level.L1, ball(radius, posterior=-4.0, left=3.0), hu))
    assert answer.measured is not None
    assert answer.measured.level is Level.L1
    assert answer.measured.mean_hu == pytest.approx(blocks.TRABECULAR_HU, abs=6)
    assert 0.02 < answer.measured.left_out < 0.3


@pytest.mark.parametrize("hu", [330.0, -90.0])
def test_a_large_lesion_leaves_no_number_and_t12_is_read_instead(hu: float) -> None:
    answer = density_of(Painted(Level.L1, lambda p, x, _h: x > -1, hu))
    assert why(answer) == {Level.L1: WhyNot.HETEROGENEOUS}
    assert answer.measured is not None
    assert answer.measured.level is Level.T12


def test_cement_is_not_bone() -> None:
    assert why(density_of(Painted(Level.L1, ball(9.0), 1500.0))) == {Level.L1: WhyNot.CEMENT_OR_SCLEROSIS}


def test_an_ivory_vertebra_is_not_called_dense_bone() -> None:
    assert why(density_of(Painted(Level.L1, everywhere, 540.0))) == {Level.L1: WhyNot.IMPLAUSIBLE}


def test_a_screw_spoils_its_vertebra_wherever_it_goes_through() -> None:
    screw = Painted(Level.L1, lambda _p, x, h: (abs(x - 14) < 3) & (abs(h) < 3), 3071.0)
    assert why(density_of(screw)) == {Level.L1: WhyNot.METAL}


def test_a_fractured_vertebra_is_never_measured() -> None:
    answer = density_of(grades={Level.L1: 1, Level.T12: 3})
    assert why(answer) == {Level.L1: WhyNot.FRACTURED, Level.T12: WhyNot.FRACTURED}
    assert answer.measured is not None
    assert answer.measured.level is Level.L2


def test_an_uncertain_number_is_never_measured() -> None:
    answer = density_of(flags=dict.fromkeys(CANDIDATES, "level-uncertain"))
    assert answer.measured is None
    assert [one.level for one in answer.passed_over] == list(CANDIDATES)
    assert set(why(answer).values()) == {WhyNot.LEVEL_UNCERTAIN}


def test_what_is_cut_not_graded_or_not_there_is_said() -> None:
    t12, l1, _ = blocks.sites(FOUND, grades={Level.T12: None})
    answer = bone_density(blocks.volume(), FOUND.stack, [t12, blocks.cut(l1)])
    assert answer.measured is None
    assert why(answer) == {
        Level.L1: WhyNot.CUT, Level.T12: WhyNot.NOT_GRADED, Level.L2: WhyNot.NOT_IN_VIEW,
    }  # fmt: skip


def test_an_inside_that_the_image_does_not_hold_is_not_guessed() -> None:
    whole = blocks.volume()
    narrow = Volume(whole.hu[:32], whole.affine, 1.0)
    assert why(bone_density(narrow, FOUND.stack, blocks.sites(FOUND)))[Level.L1] is WhyNot.OUTSIDE_IMAGE


def test_thresholds_are_for_a_stated_120_kv_only() -> None:
    measured = density_of().measured
    stated = [BoneDensity(measured, Exposure(kvp, Contrast.NO)) for kvp in (120.0, 100.0, None)]
    assert [one.comparable for one in stated] == [True, False, False]
    assert not BoneDensity(None, Exposure(120.0), (PassedOver(Level.L1, WhyNot.METAL),)).comparable


def test_every_reason_has_its_words_and_stands_in_the_docs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "bone-density.md").read_text()
    for reason in WhyNot:
        assert reason.label
        assert f"`{reason}`" in page
