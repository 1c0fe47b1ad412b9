"""What an analysis says: facts, made once by computation, never changed."""

from dataclasses import dataclass, field
from enum import StrEnum

from vfx_finder.domain.bone_density import BoneDensity
from vfx_finder.domain.operating_point import BALANCED, OperatingPoint
from vfx_finder.domain.spine import Heights, Vertebra
from vfx_finder.domain.study import FILMS, Reason, SeriesVerdict, Unsuitable

SCHEMA = "vfx-finder/analysis/1"

FILM_SUSPECTED = "film-suspected"
"""The flag of a vertebra on a film whose measured loss of height calls for a look; films are never graded."""

SCALE_ESTIMATED = "scale-estimated"
"""The flag of a vertebra on a film that does not say its scale: its heights are good for ratios alone."""

SCALE_AT_DETECTOR = "scale-at-detector"
"""The flag of a vertebra on a film whose scale is known at its detector alone: what is shown is 5 to 30 % larger than
the patient, so its heights are good for ratios alone."""


HEADER_DISAGREES = "view-other-than-header"
"""The flag of a vertebra on a film that is read as lateral although its header calls it frontal: pixels decide."""


class Deformity(StrEnum):
    """Shape of a vertebral fracture (Genant 1993)."""

    WEDGE = "wedge"
    BICONCAVE = "biconcave"
    CRUSH = "crush"


@dataclass(frozen=True)
class ModelVersion:
    """Which network, which version, and the sha256 of its weights."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class Loss:
    """Height loss as fractions: `own` against the vertebra's own largest height, `expected` against what its
    neighbours and level predict (None where that cannot be said)."""

    own: float
    expected: float | None


@dataclass(frozen=True)
class Finding:
    """One vertebra with its judgement. `grade` is the Genant grade 0 to 3, None where it is not graded
    (`unsuitable` then says why); `probability_grade2plus` is None where it is not graded."""

    vertebra: Vertebra
    loss: Loss | None
    grade: int | None
    deformity: Deformity | None
    probability_grade2plus: float | None
    unsuitable: Unsuitable | None = None

    @property
    def is_suspected(self) -> bool:
        """Calls for a look: grade 1 or more, or on a film a measured loss, for films are never graded."""
        return bool(self.grade) or FILM_SUSPECTED in self.vertebra.flags

    @property
    def has_cement(self) -> bool:
        """Not graded because the body holds cement, as after a treated fracture."""
        return self.unsuitable is not None and self.unsuitable.reason is Reason.CEMENT


def millimetres(vertebra: Vertebra) -> Heights | None:
    """The heights where they may be told in mm; None where they were not measured, or a film does not say its scale
    at the patient."""
    return None if {SCALE_ESTIMATED, SCALE_AT_DETECTOR} & set(vertebra.flags) else vertebra.heights


@dataclass(frozen=True)
class PatientSummary:
    """The patient's findings in four numbers: maximum grade, number of vertebrae of grade 1 or more, the spinal
    deformity index (sum of grades, Kerkeni 2009), and the probability of at least one grade 2 or 3."""

    max_grade: int
    fracture_count: int
    spinal_deformity_index: int
    probability_grade2plus: float


@dataclass(frozen=True)
class SagittalPicture:
    """The straightened mid-sagittal picture that findings are drawn on: PNG bytes, size and scale (mm per pixel)."""

    png: bytes
    width: int
    height: int
    mm_per_pixel: float


@dataclass(frozen=True)
class Analysis:
    """The whole answer for one study. Exactly one of `unsuitable` and `patient` is None.

    `operating_point` is the one that decides what of it reaches the worklist. `bone_density` is supporting information
    and decides nothing; None where no spine was found, or by a version that did not measure it. `reformat` is the
    sagittal reformat with the bodies in it, packed (`vfx_finder.dicom.sagittal`): what result objects are made of.
    """

    modality: str
    unsuitable: Unsuitable | None
    findings: tuple[Finding, ...]
    patient: PatientSummary | None
    models: tuple[ModelVersion, ...]
    seconds: dict[str, float]
    series: tuple[SeriesVerdict, ...] = ()
    picture: SagittalPicture | None = None
    bone_density: BoneDensity | None = None
    operating_point: OperatingPoint = BALANCED
    reformat: bytes | None = field(default=None, repr=False)

    @property
    def is_film(self) -> bool:
        """Of a radiograph: measured on a projection, and never graded."""
        return self.modality in FILMS

    @property
    def flagged(self) -> tuple[Finding, ...]:
        """The vertebrae that bring this study to the worklist; empty where it was not analysed."""
        if self.patient is None:
            return ()
        flags = self.operating_point.flags
        return tuple(
            found
            for found in self.findings
            if FILM_SUSPECTED in found.vertebra.flags or flags(found.grade, found.probability_grade2plus)
        )
