"""Opportunistic bone density: what the CT numbers inside one sound vertebra say, and how little that decides.

Supporting information only: it enters no grade, no probability and no tier, and never lowers a priority. It is not
DXA and cannot exclude osteoporosis: FDA product code SAO (21 CFR 892.1171) forbids such software to rule out low bone
density, and NICE NG259 (2026) has quantitative CT as a research recommendation only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from vfx_finder.domain.spine import Level

CANDIDATES = (Level.L1, Level.T12, Level.L2)
"""L1 is what Pickhardt 2013 (Ann Intern Med 158:588) and Jang 2019 (Radiology 291:360) measured; its neighbours stand
in for it."""

THRESHOLDS_KVP = 120.0
"""Tube voltage (kV) of the published numbers. At 100 kV the mean of L1 was 148 HU, at 120 kV 141, at 140 kV 131
(AAPM 2026, 16,747 scans of people over 60): HU fall as the voltage rises."""


class Contrast(StrEnum):
    """Whether iodinated contrast was given, as the headers state it. A header that says nothing is no "no"."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Exposure:
    """How a series was acquired, as far as HU depend on it: tube voltage (kV), None where not stated or not one."""

    kvp: float | None = None
    contrast: Contrast = Contrast.UNKNOWN


NOT_STATED = Exposure()
"""What is known of a file without headers."""


class WhyNot(StrEnum):
    """Why the density of a vertebra was not measured."""

    NOT_IN_VIEW = "not-in-view"
    LEVEL_UNCERTAIN = "level-uncertain"
    CUT = "cut-by-field-of-view"
    FRACTURED = "fractured"
    NOT_GRADED = "not-graded"
    OUTSIDE_IMAGE = "outside-the-image"
    METAL = "metal"
    CEMENT_OR_SCLEROSIS = "cement-or-sclerosis"
    HETEROGENEOUS = "too-heterogeneous"
    IMPLAUSIBLE = "implausible"

    @property
    def label(self) -> str:
        """What a person reads after the level."""
        return _WHY_NOT_LABELS[self]


_WHY_NOT_LABELS: dict[WhyNot, str] = {
    WhyNot.NOT_IN_VIEW: "not in view",
    WhyNot.LEVEL_UNCERTAIN: "its number is uncertain",
    WhyNot.CUT: "cut by the field of view",
    WhyNot.FRACTURED: "suspected fracture",
    WhyNot.NOT_GRADED: "could not be graded",
    WhyNot.OUTSIDE_IMAGE: "its inside is not wholly in the image",
    WhyNot.METAL: "metal in or beside it",
    WhyNot.CEMENT_OR_SCLEROSIS: "cement or dense sclerosis in it",
    WhyNot.HETEROGENEOUS: "too uneven for one number (lesion or artefact)",
    WhyNot.IMPLAUSIBLE: "values that trabecular bone does not have",
}


@dataclass(frozen=True)
class PassedOver:
    """A vertebra that would have come first and was not measured."""

    level: Level
    why: WhyNot


@dataclass(frozen=True)
class Trabecular:
    """Trabecular bone of one vertebra: mean and standard deviation (HU) over the samples kept, `area_mm2` of the
    region in its middle plane, `volume_mm3` in all; `left_out` is the share (0..1) dropped as vein or lesion."""

    level: Level
    mean_hu: float
    sd_hu: float
    area_mm2: float
    volume_mm3: float
    left_out: float


@dataclass(frozen=True)
class BoneDensity:
    """The answer for one study: `measured` is None where no candidate could be, and `passed_over` says why of each."""

    measured: Trabecular | None
    exposure: Exposure
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def comparable(self) -> bool:
        """Whether the published numbers may be put beside it: L1, and stated to be taken at 120 kV."""
        is_l1 = self.measured is not None and self.measured.level is Level.L1
        return is_l1 and self.exposure.kvp == THRESHOLDS_KVP


def bone_density_of(row: Mapping[str, Any] | None) -> BoneDensity | None:
    """Read back from what `dataclasses.asdict` makes of it, as JSON keeps it. Raises `KeyError` and `ValueError`."""
    if row is None:
        return None
    measured, exposure = row["measured"], row["exposure"]
    return BoneDensity(
        measured=Trabecular(**(measured | {"level": Level(measured["level"])})) if measured else None,
        exposure=Exposure(exposure["kvp"], Contrast(exposure["contrast"])),
        passed_over=tuple(PassedOver(Level(one["level"]), WhyNot(one["why"])) for one in row["passed_over"]),
    )


@dataclass(frozen=True)
class Published:
    """One published statement about HU of L1, with its source."""

    words: str
    source: str


PUBLISHED = (
    Published("160 HU or less: 90 % sensitive for osteoporosis by DXA", "Pickhardt 2013, Ann Intern Med 158:588"),
    Published("110 HU or less: more than 90 % specific for it", "Pickhardt 2013, Ann Intern Med 158:588"),
    Published(
        "52 % of those with a moderate or severe vertebral fracture had no osteoporosis by DXA",
        "Pickhardt 2013, Ann Intern Med 158:588",
    ),
    Published(
        "mean 226 HU (SD 44) under 30 years, 89 HU (SD 38) from 90 years; an automatic reading lay 21 HU above a "
        "manual one",
        "Jang 2019, Radiology 291:360",
    ),
)
"""Statements for L1 at 120 kV. Not shown as a verdict: the number stands beside them and a person compares."""

CONTRAST_WORDS = (
    "Intravenous iodinated contrast raises HU: by 11 on average (SD 19; Pickhardt 2016, Osteoporos Int 27:147)."
)

SUPPORTING_ONLY = (
    "Supporting information only: not DXA, cannot exclude osteoporosis, never lowers a priority and enters no grade."
)
