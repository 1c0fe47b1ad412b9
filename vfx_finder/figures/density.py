"""The bone density of a study in words, always with what bears on it and that it decides nothing."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vfx_finder.domain.bone_density import (
    CONTRAST_WORDS,
    PUBLISHED,
    SUPPORTING_ONLY,
    THRESHOLDS_KVP,
    BoneDensity,
    Contrast,
    Exposure,
)
from vfx_finder.domain.spine import Level

_CONTRAST: Mapping[Contrast, str] = {
    Contrast.YES: "contrast given",
    Contrast.NO: "no contrast",
    Contrast.UNKNOWN: "contrast not stated",
}


@dataclass(frozen=True)
class ShownDensity:
    """`number` with how it was acquired, `passed_over` with why, `published` with its sources, and what it is not.

    `doubt` is set where a reader calls the very vertebra fractured that was measured.
    """

    number: str
    passed_over: str
    published: tuple[str, ...]
    contrast: str
    caution: str
    doubt: str


def shown_density(
    density: BoneDensity | None, fractured: Collection[Level] = (), renamed: Mapping[Level, Level] | None = None
) -> ShownDensity | None:
    """The words of a density, None where none was tried.

    `fractured` are the levels, as the software numbered them, that a reader calls fractured; `renamed` says what a
    reader calls each level instead.
    """
    if density is None:
        return None
    return ShownDensity(
        number=_number(density, renamed or {}),
        passed_over=", ".join(f"{one.level} {one.why.label}" for one in density.passed_over),
        published=_published(density),
        contrast=CONTRAST_WORDS,
        caution=SUPPORTING_ONLY,
        doubt=_doubt(density, fractured),
    )


def _number(density: BoneDensity, renamed: Mapping[Level, Level]) -> str:
    found, acquired = density.measured, _acquired(density.exposure)
    if found is None:
        return f"Not measured ({acquired})"
    size = f"{found.area_mm2:.0f} mm², {found.volume_mm3 / 1000:.1f} cm³"
    level = renamed.get(found.level, found.level)
    return f"{level} {found.mean_hu:.0f} HU (SD {found.sd_hu:.0f}; {size}), {acquired}"


def _acquired(exposure: Exposure) -> str:
    voltage = "tube voltage not stated" if exposure.kvp is None else f"{exposure.kvp:g} kV"
    return f"{voltage}, {_CONTRAST[exposure.contrast]}"


def _published(density: BoneDensity) -> tuple[str, ...]:
    if density.measured is None:
        return ()
    if density.comparable:
        return tuple(f"{one.words} ({one.source})." for one in PUBLISHED)
    return (f"Published numbers are for L1 at {THRESHOLDS_KVP:g} kV and are not shown beside this one.",)


def _doubt(density: BoneDensity, fractured: Collection[Level]) -> str:
    if density.measured is None or density.measured.level not in fractured:
        return ""
    return "Measured in a vertebra that is now called fractured: do not use this number."
