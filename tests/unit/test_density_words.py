"""The words around a density: what it is not, what bears on it, and no published number where it does not belong."""

from dataclasses import replace

from tests.support.spines import analysis
from vfx_finder.domain.bone_density import (
    BoneDensity,
    Contrast,
    Exposure,
    PassedOver,
    Trabecular,
    WhyNot,
)
from vfx_finder.domain.spine import Level
from vfx_finder.figures.density import ShownDensity, shown_density
from vfx_finder.ledger.documents import analysis_document, analysis_of

L1 = BoneDensity(Trabecular(Level.L1, 96.4, 30.2, 201.0, 1604.0, 0.03), Exposure(120.0, Contrast.YES))


def shown(density: BoneDensity, **more: object) -> ShownDensity:
    words = shown_density(density, **more)
    assert words is not None
    return words


def test_the_number_never_stands_alone() -> None:
    words = shown(L1)
    assert words.number == "L1 96 HU (SD 30; 201 mm², 1.6 cm³), 120 kV, contrast given"
    assert "never lowers a priority" in words.caution
    assert "cannot exclude osteoporosis" in words.caution
    assert "raises HU" in words.contrast


def test_published_numbers_stand_beside_l1_at_120_kv_and_name_their_source() -> None:
    assert any("160 HU" in line and "Pickhardt 2013" in line for line in shown(L1).published)


def test_elsewhere_no_threshold_is_shown() -> None:
    assert L1.measured is not None
    others = [
        replace(L1, exposure=Exposure(100.0)),
        replace(L1, exposure=Exposure()),
        replace(L1, measured=replace(L1.measured, level=Level.T12)),
    ]
    for density in others:
        (line,) = shown(density).published
        assert "160" not in line
        assert "not shown" in line


def test_why_there_is_no_number_is_said() -> None:
    passed = (PassedOver(Level.L1, WhyNot.FRACTURED), PassedOver(Level.T12, WhyNot.CUT))
    words = shown(BoneDensity(None, Exposure(), passed))
    assert words.number == "Not measured (tube voltage not stated, contrast not stated)"
    assert words.passed_over == "L1 suspected fracture, T12 cut by the field of view"
    assert words.published == ()


def test_a_number_of_a_vertebra_that_the_reader_calls_fractured_is_doubted() -> None:
    assert not shown(L1, fractured=[Level.L2]).doubt
    assert "do not use" in shown(L1, fractured=[Level.L1]).doubt


def test_the_reader_s_numbering_is_followed() -> None:
    assert shown(L1, renamed={Level.L1: Level.T12}).number.startswith("T12 ")


def test_a_stored_analysis_keeps_its_density_and_an_older_one_has_none() -> None:
    document = analysis_document(analysis({Level.L1: 2}))
    again = analysis_of(document, None).bone_density
    assert again == analysis({Level.L1: 2}).bone_density
    del document["bone_density"]
    assert analysis_of(document, None).bone_density is None
    assert shown_density(None) is None
