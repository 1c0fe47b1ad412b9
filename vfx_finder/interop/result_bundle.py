"""A result as a FHIR R4 transaction: a DiagnosticReport and one Observation a vertebra.

Every resource is PUT under an id that follows from the study or the analysis: a repeat changes nothing, and what is
signed takes the place of what was preliminary. The patient and the order are named by their numbers, never created.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from vfx_finder.dicom import codes
from vfx_finder.dicom.codes import Entry
from vfx_finder.dicom.uids import IMPLEMENTATION_CLASS_UID
from vfx_finder.domain.age import parse_date
from vfx_finder.domain.delivered import Stage
from vfx_finder.domain.told import Standing, Told, fractures
from vfx_finder.interop.result import Result
from vfx_finder.interop.result_message import measurements, remarks

Resource = dict[str, Any]

SYSTEMS = {
    "SCT": "http://snomed.info/sct",
    "LN": "http://loinc.org",
    "DCM": "http://dicom.nema.org/resources/ontology/DCM",
    "UCUM": "http://unitsofmeasure.org",
    "RADELEMENT": "http://www.radelement.org",
    codes.PRIVATE_SCHEME: f"urn:oid:{IMPLEMENTATION_CLASS_UID}",
}
"""Coding scheme -> FHIR system (terminology.hl7.org; FHIR R4 section 4.3)."""

_TERMS = "http://terminology.hl7.org/CodeSystem"
_SEXES = {"F": "female", "M": "male", "O": "other"}
_STATUS = {Stage.PRELIMINARY: "preliminary", Stage.FINAL: "final"}


def result_bundle(result: Result) -> Resource:
    """The transaction, as JSON values."""
    told = [_observation(result, one, at) for at, one in enumerate(result.vertebrae)]
    stale = [_withdrawn(result, key, at) for key, count in result.withdrawn for at in range(count)]
    entries = [_entry(one) for one in (*told, *stale, _report(result, [one["id"] for one in told]))]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _entry(resource: Resource) -> Resource:
    address = f"{resource['resourceType']}/{resource['id']}"
    return {"resource": resource, "request": {"method": "PUT", "url": address}}


def _report(result: Result, observations: Sequence[str]) -> Resource:
    study, signed = result.study, result.review
    found = fractures(result.vertebrae)
    return _without_empty(
        {
            "resourceType": "DiagnosticReport",
            "id": _id("report", study.StudyInstanceUID),
            "contained": [_patient(result)],
            "identifier": [{"system": SYSTEMS[codes.PRIVATE_SCHEME], "value": result.key_of_analysis}],
            "basedOn": _order(result),
            "status": _STATUS[result.stage],
            "category": [_concept(f"{_TERMS}/v2-0074", "RAD", "Radiology")],
            "code": _coded(codes.CT_PROCEDURE if study.Modality == "CT" else codes.XR_PROCEDURE),
            "subject": {**_subject(result), "reference": "#patient"},
            "effectiveDateTime": _day(study.StudyDate),
            "issued": _moment(result.at),
            "performer": [{"display": result.software}],
            "resultsInterpreter": [{"type": "Practitioner", "display": signed.signed_by}] if signed else [],
            "result": [{"reference": f"Observation/{one}"} for one in observations],
            "imagingStudy": [_study(result)],
            "conclusion": result.text,
            "conclusionCode": [_coded(codes.COMPRESSION_FRACTURE)] if found and signed else [],
        }
    )


def _observation(result: Result, one: Told, at: int) -> Resource:
    graded = one.standing is not Standing.NOT_GRADED
    said = {"valueCodeableConcept": _coded(codes.STANDINGS[one.standing])} if graded else _absent(one.why)
    return _without_empty(
        {
            **_frame(result, _id("vertebra", result.key_of_analysis, at), _STATUS[result.stage]),
            "effectiveDateTime": _day(result.study.StudyDate),
            "issued": _moment(result.at),
            "performer": [{"display": result.software}],
            **said,
            "note": [{"text": words} for words in remarks(one)],
            "bodySite": {**_coded(codes.site_of(one.level)), "text": one.level_words},
            "derivedFrom": [_study(result)],
            "component": _components(one),
        }
    )


def _withdrawn(result: Result, key: str, at: int) -> Resource:
    """A vertebra of a result of older images that no longer stands."""
    return {**_frame(result, _id("vertebra", key, at), "entered-in-error"), **_absent("Analysed again")}


def _frame(result: Result, name: str, status: str) -> Resource:
    return {
        "resourceType": "Observation",
        "id": name,
        "status": status,
        "category": [_concept(f"{_TERMS}/observation-category", "imaging", "Imaging")],
        "code": _coded(codes.COMPRESSION_FRACTURE),
        "subject": _subject(result),
    }


def _components(one: Told) -> list[Resource]:
    shown = one.grade is not None and one.standing not in (Standing.REJECTED, Standing.NOT_GRADED)
    grade = codes.GRADES[one.grade or 0]
    graded = [{"code": _coded(codes.GENANT), "valueCodeableConcept": _coded(grade)}] if shown else []
    numbers = [
        {
            "code": _coded(code),
            "valueQuantity": {
                "value": round(value, 1),
                "unit": unit.meaning,
                "system": SYSTEMS["UCUM"],
                "code": unit.value,
            },
        }
        for code, value, unit in measurements(one)
    ]
    return graded + numbers


def _absent(why: str) -> Resource:
    reason = _concept(f"{_TERMS}/data-absent-reason", "not-performed", "Not Performed")
    return {"dataAbsentReason": reason | {"text": why or "Not graded"}}


def _patient(result: Result) -> Resource:
    study = result.study
    family, *given = study.PatientName.split("=")[0].split("^")[:3]
    name = _without_empty({"family": family.strip(), "given": [part.strip() for part in given if part.strip()]})
    return _without_empty(
        {
            "resourceType": "Patient",
            "id": "patient",
            "identifier": [_number(result)],
            "name": [name] if name else [],
            "gender": _SEXES.get(study.PatientSex.strip().upper(), ""),
            "birthDate": _day(study.PatientBirthDate),
        }
    )


def _subject(result: Result) -> Resource:
    return {"type": "Patient", "identifier": _number(result)}


def _number(result: Result) -> Resource:
    study = result.study
    kind = _concept(f"{_TERMS}/v2-0203", "MR", "Medical record number")
    issuer = {"assigner": {"display": study.IssuerOfPatientID}} if study.IssuerOfPatientID else {}
    return {"type": kind, "value": study.PatientID or "unknown", **issuer}


def _order(result: Result) -> list[Resource]:
    if not result.study.AccessionNumber:
        return []
    kind = _concept(f"{_TERMS}/v2-0203", "ACSN", "Accession ID")
    return [{"type": "ServiceRequest", "identifier": {"type": kind, "value": result.study.AccessionNumber}}]


def _study(result: Result) -> Resource:
    uid = f"urn:oid:{result.study.StudyInstanceUID}"
    return {"type": "ImagingStudy", "identifier": {"system": "urn:dicom:uid", "value": uid}}


def _coded(entry: Entry) -> Resource:
    return _concept(SYSTEMS[entry.scheme], entry.value, entry.meaning)


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _id(*words: object) -> str:
    """A resource id (at most 64 letters, digits, hyphens and dots), the same for the same words."""
    return f"vfx-{hashlib.sha256(' '.join(str(word) for word in words).encode()).hexdigest()[:40]}"


def _day(DA: str) -> str:
    day = parse_date(DA)
    return day.isoformat() if day else ""


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _without_empty(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if value not in ("", [], {}, None)}
