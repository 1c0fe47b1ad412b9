"""An analysis as JSON of schema vfx-finder/analysis/1, and back.

The shape is fixed and its keys stand in a fixed order; what was not measured is null, never left out. A film has
`view` beside `vertebrae`, and `centre_px` [column, row] in place of `centre_mm`. Drawings, the picture and
the list of series are no part of it.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vfx_finder.domain import genant
from vfx_finder.domain.bone_density import bone_density_of
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import (
    HEADER_DISAGREES,
    SCHEMA,
    Analysis,
    Deformity,
    Finding,
    Loss,
    ModelVersion,
    PatientSummary,
    millimetres,
)
from vfx_finder.domain.operating_point import operating_point_of
from vfx_finder.domain.spine import Heights, Level, LevelEstimate, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

Document = dict[str, Any]

NOTICE = "Research software: not for clinical decisions. A radiologist decides."

_VIEW = "view-"
_FROM_GRADES = ("max_grade", "fracture_count", "spinal_deformity_index")

_STEPS = ("read", "locate", "measure", "total")


def to_document(analysis: Analysis) -> Document:
    """The analysis as plain JSON values."""
    return {
        "schema": SCHEMA,
        "notice": NOTICE,
        "modality": analysis.modality,
        "unsuitable": _unsuitable(analysis.unsuitable),
        **_view([finding.vertebra for finding in analysis.findings]),
        "vertebrae": [_vertebra(finding, is_flagged=finding in analysis.flagged) for finding in analysis.findings],
        "patient": _patient(analysis),
        "models": [{"name": m.name, "version": m.version, "sha256": m.sha256} for m in analysis.models],
        "seconds": {step: float(analysis.seconds.get(step, 0.0)) for step in _STEPS},
        "bone_density": asdict(analysis.bone_density) if analysis.bone_density else None,
        "operating_point": asdict(analysis.operating_point),
        "cement": [found.vertebra.level.level.value for found in analysis.findings if found.has_cement],
    }


def from_document(document: Document) -> Analysis:
    """The analysis this document tells of, without drawings, picture and series. Raises `Unreadable`."""
    if document.get("schema") != SCHEMA:
        raise Unreadable(f"This is not a document of schema {SCHEMA}.")
    try:
        return _analysis(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unreadable(f"This document does not follow schema {SCHEMA}.") from None


def write_json(analysis: Analysis, path: Path) -> None:
    """Write the document, indented, with a line feed at its end."""
    path.write_text(json.dumps(to_document(analysis), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _view(vertebrae: Sequence[Vertebra]) -> Document:
    """On films alone: which part of the spine is in view."""
    flags = (flag for one in vertebrae for flag in one.flags if flag != HEADER_DISAGREES)
    said = [flag.removeprefix(_VIEW) for flag in flags if flag.startswith(_VIEW)]
    return {"view": said[0]} if said else {}


def _where(vertebra: Vertebra) -> Document:
    """The centre: patient space in mm, or on a film its pixel [column, row]."""
    if _view([vertebra]):
        return {"centre_px": [float(value) for value in vertebra.centre_mm[:2]]}
    return {"centre_mm": [float(value) for value in vertebra.centre_mm]}


def _vertebra(finding: Finding, *, is_flagged: bool) -> Document:
    vertebra = finding.vertebra
    level = vertebra.level
    return {
        "level": level.level.value,
        "level_confidence": float(level.confidence),
        "level_alternatives": {other.value: float(share) for other, share in level.alternatives.items()},
        "level_words": level.words,
        **_where(vertebra),
        "heights_mm": _heights(millimetres(vertebra)),
        "ratios": _ratios(vertebra.heights),
        "loss": _loss(finding.loss),
        "severity": _number(genant.severity_of(finding)),
        "grade": finding.grade,
        "deformity": finding.deformity.value if finding.deformity else None,
        "probability_grade2plus": _number(finding.probability_grade2plus),
        "flagged": is_flagged,
        "flags": list(vertebra.flags),
        "unsuitable": _unsuitable(finding.unsuitable),
    }


def _heights(heights: Heights | None) -> Document:
    names = ("anterior", "middle", "posterior")
    return {name: None if heights is None else float(getattr(heights, name)) for name in names}


def _ratios(heights: Heights | None) -> Document:
    names = ("min_max", "anterior_posterior", "middle_posterior")
    return {name: None if heights is None else float(getattr(heights, name)) for name in names}


def _loss(loss: Loss | None) -> Document:
    if loss is None:
        return {"own": None, "expected": None}
    return {"own": float(loss.own), "expected": _number(loss.expected)}


def _patient(analysis: Analysis) -> Document | None:
    """The patient's numbers; what is made of grades is null on a film, where nothing has one."""
    patient = analysis.patient
    if patient is None:
        return None
    return {
        **{name: None if analysis.is_film else getattr(patient, name) for name in _FROM_GRADES},
        "probability_grade2plus": float(patient.probability_grade2plus),
        "probability_at_most": genant.MOST_CERTAIN,
    }


def _patient_of(row: Document) -> PatientSummary:
    grades = {name: row[name] or 0 for name in _FROM_GRADES}
    return PatientSummary(**grades, probability_grade2plus=row["probability_grade2plus"])


def _unsuitable(unsuitable: Unsuitable | None) -> Document | None:
    return {"reason": unsuitable.reason.value, "detail": unsuitable.detail} if unsuitable else None


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)


def _analysis(document: Document) -> Analysis:
    return Analysis(
        modality=document["modality"],
        unsuitable=_read_unsuitable(document["unsuitable"]),
        findings=tuple(_read_finding(row) for row in document["vertebrae"]),
        patient=_patient_of(document["patient"]) if document["patient"] else None,
        bone_density=bone_density_of(document.get("bone_density")),
        models=tuple(ModelVersion(**row) for row in document["models"]),
        seconds=dict(document["seconds"]),
        operating_point=operating_point_of(document.get("operating_point"), document["modality"]),
    )


def _read_finding(row: Document) -> Finding:
    loss, deformity = row["loss"], row["deformity"]
    return Finding(
        vertebra=_read_vertebra(row),
        loss=None if loss["own"] is None else Loss(**loss),
        grade=row["grade"],
        deformity=Deformity(deformity) if deformity else None,
        probability_grade2plus=row["probability_grade2plus"],
        unsuitable=_read_unsuitable(row["unsuitable"]),
    )


def _read_vertebra(row: Document) -> Vertebra:
    alternatives = {Level(name): share for name, share in row["level_alternatives"].items()}
    x, y, z = row["centre_mm"] if "centre_mm" in row else (*row["centre_px"], 0.0)
    return Vertebra(
        level=LevelEstimate(Level(row["level"]), row["level_confidence"], alternatives),
        centre_mm=(x, y, z),
        heights=None if row["heights_mm"]["anterior"] is None else Heights(**row["heights_mm"]),
        flags=tuple(row["flags"]),
        drawing=None,
    )


def _read_unsuitable(row: Document | None) -> Unsuitable | None:
    return Unsuitable(Reason(row["reason"]), row["detail"]) if row else None
