"""Measurements and findings as a structured report: TID 1500 Measurement Report (PS3.16), one group for each vertebra.

As Comprehensive 3D SR each vertebra carries its outline in the patient's space (TID 1410); as Comprehensive SR, for
archives that do not take the former, it carries the same measurements without one (TID 1501).
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from highdicom.sr import (
    AlgorithmIdentification,
    Comprehensive3DSR,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageRegion3D,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from highdicom.sr.coding import CodedConcept
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes as dictionary
from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage

from vfx_finder.dicom import codes
from vfx_finder.dicom.codes import Entry
from vfx_finder.dicom.result import NAMES, Result, dress, with_type_2
from vfx_finder.dicom.source import SourceImage
from vfx_finder.dicom.uids import uid_for
from vfx_finder.domain.certainty import stated
from vfx_finder.domain.delivered import PRODUCT, Kind
from vfx_finder.domain.guidance import RESEARCH_ONLY
from vfx_finder.domain.numbering import numbering_remarks
from vfx_finder.domain.spine import Level
from vfx_finder.domain.told import Standing, Told, headline, sums

_NOT_STATED: Final = "not stated"
_LONGEST_NAME: Final = 64
Group = MeasurementsAndQualitativeEvaluations | PlanarROIMeasurementsAndQualitativeEvaluations


def structured_report(result: Result, kind: Kind, words: str = "") -> Dataset:
    """The report as Comprehensive 3D SR (`Kind.SR`) or Comprehensive SR; `words` is a report text to carry along.

    Complete, final and verified by the radiologist after the signature; partial, preliminary and unverified before.
    """
    content = _content(result, is_3d=kind is Kind.SR and result.reformat is not None, words=words)
    review, making = result.review, result.making
    make = Comprehensive3DSR if kind is Kind.SR else ComprehensiveSR
    report = make(
        evidence=_evidence(result),
        content=content,
        series_instance_uid=result.series_uid(kind),
        series_number=result.series_number(kind),
        sop_instance_uid=result.instance_uid(kind),
        instance_number=1,
        manufacturer=PRODUCT,
        is_complete=review is not None,
        is_final=review is not None,
        is_verified=review is not None,
        verifying_observer_name=_person_name(review.signed_by) if review else None,
        verifying_organization=_organisation(result) if review else None,
        previous_versions=[_preliminary(result, kind)] if review and making.supersedes else None,
    )
    if review:
        report.VerifyingObserverSequence[0].VerificationDateTime = review.signed_at.strftime("%Y%m%d%H%M%S")
    return dress(report, result, kind)


def _content(result: Result, *, is_3d: bool, words: str) -> MeasurementReport:
    groups = [_vertebra(result, index, is_3d=is_3d) for index in range(len(result.vertebrae))]
    report = MeasurementReport(
        observation_context=_observers(result),
        procedure_reported=_procedure(result).code,
        imaging_measurements=[*groups, _spine(result), *_density(result)],
        title=codes.REPORT_TITLE.code,
    )
    for text in (*_statements(result), words):
        if text:
            report[0].ContentSequence.append(_comment(text))
    return report


def _statements(result: Result) -> list[str]:
    """What stands above all vertebrae: who stands behind it, the result in a line, and what is doubtful."""
    numbering = [] if result.review else numbering_remarks([found.vertebra for found in result.analysis.findings])
    return [f"{result.status_words}. {RESEARCH_ONLY}", headline(result.analysis, result.vertebrae), *numbering]


def _vertebra(result: Result, index: int, *, is_3d: bool) -> Group:
    one = result.vertebrae[index]
    about: dict[str, Any] = {
        "tracking_identifier": TrackingIdentifier(result.tracking_uid(index), one.name[:_LONGEST_NAME]),
        "finding_type": codes.VERTEBRA.code,
        "finding_sites": [FindingSite(codes.site_of(one.level if one.is_vertebra else None).code)],
        "algorithm_id": _algorithm(result),
        "measurements": _measurements(one),
        "qualitative_evaluations": _evaluations(one),
    }
    group: Group
    if is_3d and one.drawing:
        group = PlanarROIMeasurementsAndQualitativeEvaluations(referenced_region=_region(result, index), **about)
    else:
        image = result.source.nearest(one.centre_mm)
        source = SourceImageForMeasurementGroup(image.SOPClassUID, image.SOPInstanceUID)
        group = MeasurementsAndQualitativeEvaluations(source_images=[source], **about)
    for text in _remarks(one):
        group[0].ContentSequence.append(_comment(text))
    return group


def _measurements(one: Told) -> list[Measurement]:
    found: list[Measurement] = []
    if one.heights:
        found += [
            _number(codes.ANTERIOR_HEIGHT, one.heights.anterior, codes.MM),
            _number(codes.MIDDLE_HEIGHT, one.heights.middle, codes.MM),
            _number(codes.POSTERIOR_HEIGHT, one.heights.posterior, codes.MM),
        ]
    if one.loss:
        found.append(_number(codes.OWN_LOSS, 100 * one.loss.own, codes.PERCENT))
    if one.loss and one.loss.expected is not None:
        found.append(_number(codes.EXPECTED_LOSS, 100 * one.loss.expected, codes.PERCENT))
    if one.probability is not None and one.standing is Standing.SUSPECTED:
        found.append(_number(codes.PROBABILITY, 100 * one.probability, codes.PERCENT))
    return found


def _evaluations(one: Told) -> list[QualitativeEvaluation]:
    """Whether there is a fracture, its grade and its shape; a rejected finding keeps no grade."""
    answers = [(codes.COMPRESSION_FRACTURE, codes.STANDINGS[one.standing])]
    if one.grade is not None and one.standing is not Standing.REJECTED:
        answers.append((codes.GENANT, codes.GRADES[one.grade]))
    if one.deformity and one.standing.is_fracture:
        answers.append((codes.SHAPE, codes.SHAPES[one.deformity]))
    return [QualitativeEvaluation(name.code, value.code) for name, value in answers]


def _remarks(one: Told) -> list[str]:
    """The judgement in words, with doubt about the level and what it resembles."""
    said = [f"{one.name}: {one.sentence}."]
    return said + [f"{one.name} {remark}." for remark in one.remarks]


def _region(result: Result, index: int) -> ImageRegion3D:
    """The drawn outline as a closed polygon in the patient's space."""
    reformat, drawing = result.reformat, result.vertebrae[index].drawing
    assert reformat is not None and drawing is not None
    outline = np.array([*drawing.outline, drawing.outline[0]], np.float64) * reformat.scale
    points = reformat.to_lps(outline, float(reformat.middles[index]))
    return ImageRegion3D("POLYGON", points, result.source.FrameOfReferenceUID)


def _spine(result: Result) -> Group:
    """The patient's numbers."""
    total = sums(result.vertebrae)
    counts = (
        (codes.MAX_GRADE, total.max_grade),
        (codes.FRACTURE_COUNT, total.fracture_count),
        (codes.DEFORMITY_INDEX, total.spinal_deformity_index),
    )
    numbers = [_number(code, count, codes.NO_UNITS) for code, count in counts if count is not None]
    patient = result.analysis.patient
    if patient and not result.review and not result.analysis.is_film:
        numbers.append(_number(codes.PATIENT_PROBABILITY, 100 * stated(patient.probability_grade2plus), codes.PERCENT))
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(result.uid("spine"), "Spine"),
        finding_type=codes.SPINE.code,
        finding_sites=[FindingSite(codes.SPINE.code)],
        algorithm_id=_algorithm(result),
        measurements=numbers,
    )


def _density(result: Result) -> list[Group]:
    """Trabecular attenuation of one vertebra, where it was measured and is not called fractured: supporting only."""
    density = result.analysis.bone_density
    if density is None or density.measured is None:
        return []
    found, now = density.measured, _now_called(result, density.measured.level)
    if now.standing.is_fracture:
        return []
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(result.uid("density"), f"Trabecular bone {now.level_words}"),
        finding_type=codes.BONE.code,
        finding_sites=[FindingSite(codes.site_of(now.level).code)],
        algorithm_id=_algorithm(result),
        measurements=[
            _number(codes.ATTENUATION, found.mean_hu, codes.HOUNSFIELD, codes.MEAN),
            _number(codes.ATTENUATION, found.sd_hu, codes.HOUNSFIELD, codes.STANDARD_DEVIATION),
        ],
    )
    group[0].ContentSequence.append(_comment(_DENSITY_WORDS))
    return [group]


def _now_called(result: Result, level: Level) -> Told:
    """The vertebra that the software numbered so, as it is told now."""
    pairs = zip(result.analysis.findings, result.vertebrae, strict=True)
    return next(one for finding, one in pairs if finding.vertebra.level.level is level)


_DENSITY_WORDS: Final = "Supporting information only: not DXA, cannot exclude osteoporosis, enters no grade."


def _number(name: Entry, value: float, unit: Entry, derivation: Entry | None = None) -> Measurement:
    rounded = round(value) if unit is codes.NO_UNITS else round(value, 1)
    return Measurement(
        name=name.code, value=rounded, unit=unit.code, derivation=derivation.code if derivation else None
    )


def _comment(text: str) -> TextContentItem:
    return TextContentItem(CodedConcept.from_code(codes.COMMENT.code), text, "CONTAINS")


def _algorithm(result: Result) -> AlgorithmIdentification:
    model = result.analysis.models[0]
    return AlgorithmIdentification(
        name=model.name,
        version=model.version,
        parameters=[f"weights sha256 {model.sha256}"],
        family=codes.ARTIFICIAL_INTELLIGENCE.code,
        manufacturer=PRODUCT,
    )


def _observers(result: Result) -> ObservationContext:
    serial = result.making.device_serial_number
    device = DeviceObserverIdentifyingAttributes(
        uid=uid_for(result.making.uid_root, "device", serial),
        name=PRODUCT,
        manufacturer_name=PRODUCT,
        model_name=PRODUCT,
        serial_number=serial,
    )
    person = None
    if result.review:
        attributes = PersonObserverIdentifyingAttributes(
            name=_person_name(result.review.signed_by), organization_name=_organisation(result)
        )
        person = ObserverContext(CodedConcept.from_code(dictionary.DCM.Person), attributes)
    return ObservationContext(
        observer_person_context=person,
        observer_device_context=ObserverContext(CodedConcept.from_code(dictionary.DCM.Device), device),
    )


def _procedure(result: Result) -> Entry:
    return codes.CT_PROCEDURE if result.source.Modality == "CT" else codes.XR_PROCEDURE


def _organisation(result: Result) -> str:
    stated = result.making.institution or str(result.source.equipment.get("InstitutionName") or "")
    return (stated or _NOT_STATED)[:_LONGEST_NAME]


def _person_name(name: str) -> str:
    """A name as PN (PS3.5 section 6.2): one that is not divided into components becomes the first of them."""
    return name if "^" in name else f"{name}^"


def _evidence(result: Result) -> Sequence[Dataset]:
    """The images of the analysed series, nameless: all of them were looked at."""
    source = result.source
    alike = with_type_2(Dataset(), NAMES)
    alike.StudyInstanceUID, alike.SeriesInstanceUID = source.StudyInstanceUID, source.SeriesInstanceUID
    alike.Modality = source.Modality
    return [_evident(alike, image) for image in source.images]


def _evident(alike: Dataset, image: SourceImage) -> Dataset:
    item = Dataset()
    item.update(alike)
    item.SOPClassUID, item.SOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    return item


def _preliminary(result: Result, kind: Kind) -> Dataset:
    """The report that this one takes the place of (PredecessorDocumentsSequence, PS3.3 C.17.2)."""
    before, item = result.before, Dataset()
    item.StudyInstanceUID, item.SeriesInstanceUID = result.source.StudyInstanceUID, before.series_uid(kind)
    item.SOPClassUID = Comprehensive3DSRStorage if kind is Kind.SR else ComprehensiveSRStorage
    item.SOPInstanceUID = before.instance_uid(kind)
    return item
