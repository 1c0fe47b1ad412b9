"""Facts as JSON documents of a row, and back: what is read out equals what was written in."""

from dataclasses import asdict
from typing import Any

from vfx_finder.domain.bone_density import bone_density_of
from vfx_finder.domain.finding import Analysis, Deformity, Finding, Loss, ModelVersion, PatientSummary, SagittalPicture
from vfx_finder.domain.operating_point import operating_point_of
from vfx_finder.domain.review import Decision, RejectReason, Review, VertebraDecision
from vfx_finder.domain.spine import Drawing, Heights, Level, LevelEstimate, Point, Vertebra
from vfx_finder.domain.study import Reason, SeriesVerdict, Unsuitable

Document = dict[str, Any]


def analysis_document(analysis: Analysis) -> Document:
    """The whole analysis but the bytes of its picture and its reformat."""
    document = asdict(analysis)
    del document["reformat"]
    if analysis.picture is not None:
        del document["picture"]["png"]
    return document


def analysis_of(document: Document, png: bytes | None, reformat: bytes | None = None) -> Analysis:
    """The analysis that this document was made of, with the bytes that are kept beside it where they are given."""
    picture = document["picture"]
    return Analysis(
        modality=document["modality"],
        unsuitable=_unsuitable(document["unsuitable"]),
        findings=tuple(_finding(finding) for finding in document["findings"]),
        patient=PatientSummary(**document["patient"]) if document["patient"] else None,
        models=tuple(ModelVersion(**model) for model in document["models"]),
        seconds=document["seconds"],
        series=tuple(_verdict(verdict) for verdict in document["series"]),
        picture=SagittalPicture(png=bytes(png), **picture) if picture and png is not None else None,
        bone_density=bone_density_of(document.get("bone_density")),
        operating_point=operating_point_of(document.get("operating_point"), document["modality"]),
        reformat=None if reformat is None else bytes(reformat),
    )


def review_document(review: Review) -> Document:
    """The signed review, vertebra by vertebra."""
    document = asdict(review)
    document["signed_at"] = review.signed_at.isoformat()
    return document


def decisions_of(document: Document) -> tuple[VertebraDecision, ...]:
    """The decisions that stand in a review's document."""
    return tuple(
        VertebraDecision(
            level=Level(row["level"]),
            original_level=Level(row["original_level"]),
            grade=row["grade"],
            original_grade=row["original_grade"],
            deformity=Deformity(row["deformity"]) if row["deformity"] else None,
            decision=Decision(row["decision"]),
            reason=RejectReason(row["reason"]) if row["reason"] else None,
            note=row["note"],
        )
        for row in document["vertebrae"]
    )


def _unsuitable(row: Document | None) -> Unsuitable | None:
    return Unsuitable(Reason(row["reason"]), row["detail"]) if row else None


def _verdict(row: Document) -> SeriesVerdict:
    return SeriesVerdict(**(row | {"unsuitable": _unsuitable(row["unsuitable"])}))


def _finding(row: Document) -> Finding:
    return Finding(
        vertebra=_vertebra(row["vertebra"]),
        loss=Loss(**row["loss"]) if row["loss"] else None,
        grade=row["grade"],
        deformity=Deformity(row["deformity"]) if row["deformity"] else None,
        probability_grade2plus=row["probability_grade2plus"],
        unsuitable=_unsuitable(row["unsuitable"]),
    )


def _vertebra(row: Document) -> Vertebra:
    x, y, z = row["centre_mm"]
    return Vertebra(
        level=level_of(row["level"]),
        centre_mm=(x, y, z),
        heights=Heights(**row["heights"]) if row["heights"] else None,
        flags=tuple(row["flags"]),
        drawing=_drawing(row["drawing"]) if row["drawing"] else None,
    )


def level_of(row: Document) -> LevelEstimate:
    """The level of one vertebra, its probability and its alternatives."""
    alternatives = {Level(name): probability for name, probability in row["alternatives"].items()}
    return LevelEstimate(Level(row["level"]), row["confidence"], alternatives)


def _drawing(row: Document) -> Drawing:
    return Drawing(
        outline=tuple(_point(point) for point in row["outline"]),
        height_lines=tuple((_point(upper), _point(lower)) for upper, lower in row["height_lines"]),
    )


def _point(row: list[float]) -> Point:
    column, line = row
    return column, line
