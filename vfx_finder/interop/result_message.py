"""A result as ORU^R01 (HL7 v2.5.1 chapter 7; StudyInstanceUID and text as in IHE RAD, Results Distribution)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from vfx_finder.dicom import codes
from vfx_finder.dicom.codes import Entry
from vfx_finder.domain.delivered import Stage
from vfx_finder.domain.told import Standing, Told, sums
from vfx_finder.interop.acknowledgement import APPLICATION
from vfx_finder.interop.hl7 import escaped
from vfx_finder.interop.result import Result

FINDINGS_TEXT = ("59776-5", "Procedure findings", "LN")
"""LOINC, as IHE RAD uses it."""
STUDY_UID = ("113014", "DICOM Study", "DCM")
_STATUS = {Stage.PRELIMINARY: "P", Stage.FINAL: "F"}
"""OBR-25 and OBX-11 (tables 0123, 0085)."""
_GRADED = (Standing.SUSPECTED, Standing.NO_FRACTURE, Standing.CONFIRMED, Standing.UNDECIDED)


@dataclass(frozen=True)
class Routing:
    """What an integration engine routes by: MSH-4, MSH-5 and MSH-6, each a name or the components of an HD."""

    facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""


NOWHERE = Routing()


def result_message(result: Result, routing: Routing = NOWHERE) -> bytes:
    """The message in UTF-8."""
    segments = [_header(result, routing), _patient(result), *_order(result), *_observations(result), ""]
    return "\r".join(segments).encode()


def _header(result: Result, routing: Routing) -> str:
    ends = (routing.facility, routing.receiving_application, routing.receiving_facility)
    ways = "|".join("^".join(escaped(part) for part in end.split("^")) for end in ends)
    stamp = _moment(result.at)
    return f"MSH|^~\\&|{APPLICATION}|{ways}|{stamp}||ORU^R01^ORU_R01|{result.control_id}|P|2.5.1||||||UNICODE UTF-8"


def _patient(result: Result) -> str:
    study = result.study
    number = f"{escaped(study.PatientID)}^^^{escaped(study.IssuerOfPatientID)}"
    return f"PID|1||{number}||{_name(study.PatientName)}||{escaped(study.PatientBirthDate)}|{escaped(study.PatientSex)}"


def _name(PatientName: str) -> str:
    """A DICOM PN (family, given, middle, prefix, suffix) as XPN, where the last two stand the other way round."""
    parts = [*PatientName.split("=", maxsplit=1)[0].split("^"), "", "", "", "", ""][:5]
    family, given, middle, prefix, suffix = (escaped(part.strip()) for part in parts)
    return "^".join([family, given, middle, suffix, prefix]).rstrip("^")


def _order(result: Result) -> list[str]:
    study = result.study
    accession, procedure = escaped(study.AccessionNumber), _coded(_procedure(result))
    fields = {
        2: accession,
        3: f"{result.control_id}^{APPLICATION}",
        4: procedure,
        7: escaped(study.StudyDate),
        16: f"^{_name(study.ReferringPhysicianName)}" if study.ReferringPhysicianName else "",
        18: accession,
        22: _moment(result.at),
        24: "RAD",
        25: _STATUS[result.stage],
        32: f"&{escaped(result.review.signed_by)}" if result.review else "",
    }
    obr = "|".join(["OBR", "1", *(fields.get(number, "") for number in range(2, 33))])
    order = f"ORC|RE|{accession}|{result.control_id}^{APPLICATION}"
    return [order, obr.rstrip("|"), f"NTE|1|L|{escaped(result.software)}"]


def _procedure(result: Result) -> Entry:
    return codes.CT_PROCEDURE if result.study.Modality == "CT" else codes.XR_PROCEDURE


@dataclass(frozen=True)
class _Said:
    """One OBX: value type, code, value; `level` is the sub-ID that joins those of one vertebra, `notes` follow it."""

    kind: str
    code: str
    value: str
    status: str
    level: str = ""
    unit: str = ""
    notes: tuple[str, ...] = ()


def _observations(result: Result) -> Iterator[str]:
    for number, one in enumerate(_said(result), start=1):
        at = "" if one.kind in ("HD", "FT") else _moment(result.at)
        fields = f"{one.kind}|{one.code}|{one.level}|{one.value}|{one.unit}|||||{one.status}|||{at}"
        yield f"OBX|{number}|{fields}".rstrip("|")
        yield from (f"NTE|{place}|L|{escaped(words)}" for place, words in enumerate(one.notes, start=1))


def _said(result: Result) -> Iterator[_Said]:
    status, total = _STATUS[result.stage], sums(result.vertebrae)
    yield _Said("HD", "^".join(STUDY_UID), escaped(result.study.StudyInstanceUID), "O")
    yield _Said("FT", "^".join(FINDINGS_TEXT), escaped(result.text), status)
    for code, count in (
        (codes.MAX_GRADE, total.max_grade),
        (codes.FRACTURE_COUNT, total.fracture_count),
        (codes.DEFORMITY_INDEX, total.spinal_deformity_index),
    ):
        if count is not None:
            yield _Said("NM", _coded(code), str(count), status, unit=_coded(codes.NO_UNITS))
    for one in result.vertebrae:
        yield from _of_vertebra(one, status)


def _of_vertebra(one: Told, status: str) -> Iterator[_Said]:
    """What is said of it first, then its grade and measurements."""
    level = one.level.value
    finding, shown = _coded(codes.STANDINGS[one.standing]), "X" if one.standing is Standing.NOT_GRADED else status
    yield _Said("CWE", _coded(codes.COMPRESSION_FRACTURE), finding, shown, level, notes=remarks(one))
    if one.grade is not None and one.standing in _GRADED:
        yield _Said("CWE", _coded(codes.GENANT), _coded(codes.GRADES[one.grade]), status, level)
    for code, value, unit in measurements(one):
        yield _Said("NM", _coded(code), f"{value:.1f}", status, level, _coded(unit))


def measurements(one: Told) -> Iterator[tuple[Entry, float, Entry]]:
    """Every number measured on a vertebra: heights in mm, losses and probability in percent."""
    if one.heights is not None:
        yield codes.ANTERIOR_HEIGHT, one.heights.anterior, codes.MM
        yield codes.MIDDLE_HEIGHT, one.heights.middle, codes.MM
        yield codes.POSTERIOR_HEIGHT, one.heights.posterior, codes.MM
    if one.loss is not None:
        yield codes.OWN_LOSS, 100 * one.loss.own, codes.PERCENT
        if one.loss.expected is not None:
            yield codes.EXPECTED_LOSS, 100 * one.loss.expected, codes.PERCENT
    if one.probability is not None:
        yield codes.PROBABILITY, 100 * one.probability, codes.PERCENT


def remarks(one: Told) -> tuple[str, ...]:
    """What a reader of a number must know beside it."""
    unsure = () if one.level_words == one.level.value else (f"Level not certain: {one.level_words}",)
    return (*unsure, *((one.why,) if one.why else ()), *one.remarks)


def _coded(entry: Entry) -> str:
    return f"{escaped(entry.value)}^{escaped(entry.meaning)}^{entry.scheme}"


def _moment(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S%z}"
