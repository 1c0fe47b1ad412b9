"""What is true of an image: its bodies, from an expert mask or from a synthetic truth file, and how it was acquired."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from pipelines.steps.mask_sections import measure_label_mask
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.genant import RULE, grade
from vfx_finder.domain.spine import Level, Point3

PARTICIPANTS_FILE = "participants.tsv"
"""Sex and age by subject (BIDS 1.8, participants file)."""

LOOK_UP = 4
NO_SPINE = "none"
"""`contents` of an image without a vertebra: head, knee, empty, noise."""

Heights3 = tuple[float, float, float]


@dataclass(frozen=True)
class Acquisition:
    """Who and how: what results are split by. Empty or None where it is not stated.

    `anchors`: which of "sacrum" and "C2" are in view. `contents`: "normal", "mimics", "fractures" or "none".
    """

    patient: str
    sex: str = ""
    age: int | None = None
    slice_mm: float | None = None
    kernel: str = ""
    view: str = ""
    anchors: tuple[str, ...] | None = None
    contents: str = ""


@dataclass(frozen=True)
class TrueBody:
    """One vertebral body as it is: centre in LPS mm, anterior, middle and posterior height in mm, Genant grade where
    it is known. `cut`: the border of the image cuts it. `loss` is the true share of height lost."""

    level: Level
    centre_mm: Point3
    heights_mm: Heights3 | None = None
    grade: int | None = None
    cut: bool = False
    fracture: str | None = None
    loss: float | None = None
    mimic: str | None = None

    @property
    def ratio(self) -> float | None:
        """Lowest over highest height."""
        return min(self.heights_mm) / max(self.heights_mm) if self.heights_mm else None


@dataclass(frozen=True)
class Truth:
    """All that is known of one image. `synthetic`: drawn, so that no vertebra wholly in view is missing here; an
    expert mask may leave vertebrae out."""

    about: Acquisition
    bodies: tuple[TrueBody, ...] = ()
    synthetic: bool = False
    image_sha256: str = field(default="", compare=False)


def truth_of_mask(mask: Path, ct: Path, grades: Mapping[Level, int]) -> Truth:
    """The truth of a real CT: its expert mask, measured with the measuring code of the images, and published grades."""
    bodies = tuple(
        TrueBody(
            level,
            measure.centre_mm,
            (measure.body.heights.anterior, measure.body.heights.middle, measure.body.heights.posterior)
            if measure.body
            else None,
            grades.get(level),
            measure.cut,
        )
        for level, measure in measure_label_mask(mask).items()
    )
    return Truth(_acquisition_of(ct), bodies)


def read_truth(file: Path) -> Truth:
    """The truth of a synthetic image. Raises `Unreadable` for a file that does not follow the layout."""
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        if told.get("synthetic") is not True:
            raise ValueError("not synthetic")
        bodies = tuple(_true_body(row) for row in told["vertebrae"])
        return Truth(_acquisition(told, file), bodies, synthetic=True, image_sha256=str(told.get("sha256", "")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unreadable(f"{file.name} is no truth of a synthetic image.") from error


def patient_of(subject: str) -> str:
    """The patient of a VerSe subject: the part before the first underscore; the rest names the acquisition."""
    return subject.partition("_")[0]


def _true_body(row: Mapping[str, Any]) -> TrueBody:
    x, y, z = (float(value) for value in row["centre_mm"])
    anterior, middle, posterior = (float(value) for value in row["heights_mm"])
    loss = float(row.get("loss") or 0.0)
    return TrueBody(
        level=Level(row["level"]),
        centre_mm=(x, y, z),
        heights_mm=(anterior, middle, posterior),
        grade=int(row["grade"]) if row.get("grade") is not None else grade(loss, RULE),
        fracture=row.get("fracture"),
        loss=loss,
        mimic=row.get("mimic"),
    )


def _acquisition(told: Mapping[str, Any], file: Path) -> Acquisition:
    anchors, age, slice_mm = told.get("anchors"), told.get("age"), told.get("slice_mm")
    return Acquisition(
        patient=str(told.get("patient") or file.name.removesuffix(".truth.json")),
        sex=str(told.get("sex") or ""),
        age=None if age is None else int(age),
        slice_mm=None if slice_mm is None else float(slice_mm),
        kernel=str(told.get("kernel") or ""),
        view=str(told.get("view") or ""),
        anchors=None if anchors is None else tuple(str(anchor) for anchor in anchors),
        contents=str(told.get("contents") or ""),
    )


def _acquisition_of(ct: Path) -> Acquisition:
    """What a real CT tells: slice distance from its header, sex and age from a participants file above it."""
    subject = ct.name.removeprefix("sub-").partition("_")[0]
    row = _participant(ct, subject)
    age = row.get("age", "").partition(".")[0]
    return Acquisition(
        patient=subject,
        sex=row.get("sex", "")[:1].upper(),
        age=int(age) if age.isdigit() else None,
        slice_mm=_slice_mm(ct),
    )


def _participant(ct: Path, subject: str) -> dict[str, str]:
    places = [above / PARTICIPANTS_FILE for above in list(ct.parents)[:LOOK_UP]]
    file = next((place for place in places if place.exists()), None)
    if file is None:
        return {}
    with file.open(newline="", encoding="utf-8") as lines:
        rows: Sequence[dict[str, str | None]] = list(csv.DictReader(lines, delimiter="\t"))
    mine = [row for row in rows if (row.get("participant_id") or "").removeprefix("sub-") == subject]
    return {key: value or "" for key, value in mine[0].items() if key} if mine else {}


def _slice_mm(ct: Path) -> float | None:
    """Voxel edge along the axis that runs most from feet to head; None where the file is no image."""
    try:
        image: Any = nib.load(ct)
        affine = np.asarray(image.affine, np.float64)
    except (nib.filebasedimages.ImageFileError, OSError, EOFError, ValueError):
        return None
    axes = affine[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    return round(float(lengths[int(np.argmax(np.abs(axes[2]) / np.maximum(lengths, 1e-9)))]), 3)
