"""Small synthetic sets with their truth, and analysers that say what a test tells them to."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vfx_finder.domain.finding import Analysis, Finding, Loss, PatientSummary, SagittalPicture
from vfx_finder.domain.spine import Drawing, Heights, Level, LevelEstimate, Point3, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

SPACING_MM = 30.0
LUMBAR = (Level.T12, Level.L1, Level.L2, Level.L3, Level.L4)
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\nIDATx"
    b"\x9cc`\x00\x00\x00\x02\x00\x01H\xaf\xa4q\x00\x00\x00\x00IEND\xaeB`\x82"
)


def centre(at: int) -> Point3:
    """Where the body number `at` from the top lies."""
    return (0.0, 0.0, -SPACING_MM * at)


def write_case(folder: Path, name: str, grades: Mapping[Level, int], **about: Any) -> Path:
    """An image file (its bytes are its name: no test reads it as an image) and its truth file."""
    (folder / f"{name}.nii.gz").write_bytes(name.encode())
    rows = [
        {
            "level": level.value,
            "centre_mm": centre(at),
            "heights_mm": [25.0, 25.0 * (1 - 0.15 * grade), 25.0],
            "fracture": "wedge" if grade else None,
            "loss": 0.15 * grade,
            "grade": grade,
            "mimic": None,
        }
        for at, (level, grade) in enumerate(grades.items())
    ]
    told = {"synthetic": True, "file": f"{name}.nii.gz", "patient": name, "vertebrae": rows, **about}
    (folder / f"{name}.truth.json").write_text(json.dumps(told), encoding="utf-8")
    return folder / f"{name}.nii.gz"


def finding(level: Level, at: int, probability: float | None = 0.01, ratio: float = 0.96) -> Finding:
    """A finding on body number `at`; without a probability it is not graded, else grade 2 from a half on."""
    outline = ((2.0, 5.0), (8.0, 5.0), (8.0, 9.0))
    vertebra = Vertebra(
        LevelEstimate(level, 1.0, {}), centre(at), Heights(25.0, 25.0 * ratio, 25.0), (), Drawing(outline, ())
    )
    if probability is None:
        return Finding(vertebra, None, None, None, None, Unsuitable(Reason.CUT_BY_FIELD_OF_VIEW))
    return Finding(vertebra, Loss(1 - ratio, 0.0), 2 * (probability >= 0.5), None, probability)


def answer(*findings: Finding) -> Analysis:
    """An analysis with these findings."""
    most = max((finding.probability_grade2plus or 0.0 for finding in findings), default=0.0)
    summary = PatientSummary(0, 0, 0, most)
    picture = SagittalPicture(PNG, 10, 10, 1.0)
    return Analysis("CT", None, tuple(findings), summary, (), {}, picture=picture)


def refusal(reason: Reason = Reason.NO_SPINE) -> Analysis:
    """An image that was not analysed."""
    return Analysis("CT", Unsuitable(reason), (), None, (), {})


class Told:
    """An analyser that answers by the name of the image, and counts how often it was asked."""

    def __init__(self, answers: Mapping[str, Analysis | Exception]) -> None:
        self.answers, self.asked = answers, 0

    def __call__(self, files: Sequence[Path]) -> Analysis:
        self.asked += 1
        said = self.answers[files[0].name.removesuffix(".nii.gz")]
        if isinstance(said, Exception):
            raise said
        return said
