"""Results as other systems are told of them, read back with implementations that are not ours."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import hl7 as independent
import pytest
from fhir.resources.R4B.bundle import Bundle

from tests.support import spines
from tests.support.reviews import confirmed, rejected
from vfx_finder.dicom import codes
from vfx_finder.domain.guidance import RESEARCH_ONLY
from vfx_finder.domain.mention import Verdict, mentions_vertebral_fracture
from vfx_finder.domain.review import RejectReason, Review
from vfx_finder.domain.spine import Level
from vfx_finder.interop.hl7 import read
from vfx_finder.interop.patient import person
from vfx_finder.interop.result import UNCONFIRMED, Result, Study
from vfx_finder.interop.result_bundle import SYSTEMS, result_bundle
from vfx_finder.interop.result_message import Routing, result_message

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
STUDY = Study(
    PatientID="P1",
    IssuerOfPatientID="HOSP",
    PatientName="O'Neil & Söhne^Jane^Q^Dr^Jr",
    PatientBirthDate="19550301",
    PatientSex="F",
    StudyInstanceUID="1.2.826.0.1.3680043.10.1.7",
    AccessionNumber="A|1",
    StudyDate="20261120",
    Modality="CT",
    ReferringPhysicianName="Grey^Meredith",
    age=71,
)
FOUND = {Level.T8: 3, Level.L1: 2}


def preliminary(unsure: Level | None = None) -> Result:
    return Result(STUDY, spines.analysis(FOUND, unsure), None, AT, "abc-1-preliminary-1", "abc-1")


def final() -> Result:
    """T8 confirmed, L1 rejected."""
    said = (confirmed(Level.T8, 3), rejected(Level.L1, 2, RejectReason.SCHMORL_NODE))
    return replace(preliminary(), review=Review(said, "dr.lee", AT), key="abc-1-final-1")


def observations(result: Result) -> list[list[str]]:
    """The fields of every OBX, as python-hl7 reads them."""
    message = independent.parse(result_message(result).decode())
    return [[str(field) for field in segment] for segment in message.segments("OBX")]


def of_level(result: Result, level: Level) -> dict[str, str]:
    """By meaning: every value told of a level."""
    told = [row for row in observations(result) if row[4] == level]
    return {row[3].split("^")[1]: row[5] if row[2] == "NM" else row[5].split("^")[1] for row in told}


def test_the_message_says_whose_and_what_it_is():
    message = independent.parse(result_message(final(), Routing("VFX RAD", "ENGINE", "HOSP")).decode())
    header, order = message.segment("MSH"), message.segment("OBR")
    assert [str(header[n]) for n in (3, 4, 5, 6, 9, 12, 18)] == [
        "VFX_FINDER",
        "VFX RAD",
        "ENGINE",
        "HOSP",
        "ORU^R01^ORU_R01",
        "2.5.1",
        "UNICODE UTF-8",
    ]
    assert [str(order[n]) for n in (4, 18, 24, 25)] == ["25045-6^CT unspecified body region^LN", "A\\F\\1", "RAD", "F"]
    assert str(message.segment("PID")[3]) == "P1^^^HOSP"


def test_a_facility_may_be_named_by_its_oid_and_breaks_no_field():
    header = read(result_message(final(), Routing("HOSP^1.2.3^ISO", "A|B", "C&D"))).header
    assert [header.text(4, part) for part in (1, 2, 3)] == ["HOSP", "1.2.3", "ISO"]
    assert (header.text(5), header.text(6), header.text(9)) == ("A|B", "C&D", "ORU")


def test_the_patient_comes_back_as_the_images_had_it():
    segment = read(result_message(final())).first("PID")
    assert segment is not None
    told = person(segment)
    assert (told.PatientName, told.PatientBirthDate) == (STUDY.PatientName, STUDY.PatientBirthDate)


def test_every_vertebra_is_told_with_its_grade_and_heights():
    told = of_level(final(), Level.T8)
    assert told["Compression fracture of vertebral column"] == "Present"
    assert told["Genant classification"] == "Genant grade 3"
    assert float(told["Anterior height of vertebral body"]) < float(told["Posterior height of vertebral body"]) < 40
    assert {row[4] for row in observations(final())} - {""} == set(spines.SPAN)


def test_a_rejected_finding_is_told_as_rejected_with_its_reason_and_no_grade():
    told = of_level(final(), Level.L1)
    assert told["Compression fracture of vertebral column"] == "Not confirmed by the radiologist"
    assert "Genant classification" not in told
    assert b"|L|Schmorl node" in result_message(final())


def test_before_sign_off_everything_is_preliminary_and_says_so():
    result = preliminary()
    assert {row[11] for row in observations(result)} == {"O", "P", "X"}
    assert str(independent.parse(result_message(result).decode()).segment("OBR")[25]) == "P"
    assert result.text.startswith(UNCONFIRMED)
    assert "Suspected vertebral fractures: grade 3 at T8; grade 2 at L1." in result.text
    assert of_level(result, Level.T8)["Compression fracture of vertebral column"] == "Suspected"


def test_the_text_is_the_signed_one_after_sign_off():
    text = next(row[5] for row in observations(final()) if row[2] == "FT")
    lines = text.split("\\.br\\")
    assert lines[0] == "Bones: 1 vertebral fracture."
    assert RESEARCH_ONLY in lines
    assert lines[-1] == "Signed by dr.lee, 21 Nov 2026 09:30 UTC."
    assert mentions_vertebral_fracture(final().text).verdict is Verdict.YES


def test_a_level_that_is_not_sure_is_never_told_alone():
    result = preliminary(unsure=Level.L1)
    assert "L1, or T12 (29 %)" in result.text
    assert b"Level not certain: L1, or T12 (29 %)" in result_message(result)


def test_the_same_delivery_has_the_same_message_and_another_one_another_control_id():
    assert result_message(final()) == result_message(final())
    ids = {final().control_id, preliminary().control_id, replace(final(), key="abc-1-final-2").control_id}
    assert len(ids) == 3
    assert all(re.fullmatch(r"VFX[A-Z2-7]{17}", one) for one in ids)


# ---- FHIR


def resources(result: Result) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {}
    for entry in result_bundle(result)["entry"]:
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found


@pytest.mark.parametrize("result", [preliminary(), final(), preliminary(Level.L1)])
def test_the_bundle_is_valid_fhir_r4(result):
    """By fhir.resources' R4B models, to the last field."""
    bundle = Bundle.model_validate(result_bundle(result))
    assert bundle.type == "transaction"
    assert all(entry.request.method == "PUT" for entry in bundle.entry)


@pytest.mark.parametrize(
    "bare", [{"PatientName": "", "PatientBirthDate": "", "PatientSex": "", "AccessionNumber": "", "StudyDate": ""}]
)
def test_a_study_with_empty_headers_is_still_valid(bare):
    result = replace(final(), study=replace(STUDY, **bare, PatientID=""))
    Bundle.model_validate(result_bundle(result))
    independent.parse(result_message(result).decode())


def test_the_report_names_patient_study_and_order_by_their_numbers():
    (report,) = resources(final())["DiagnosticReport"]
    assert report["status"] == "final"
    assert report["subject"]["identifier"]["value"] == "P1"
    assert report["basedOn"][0]["identifier"]["value"] == "A|1"
    assert report["imagingStudy"][0]["identifier"]["value"] == f"urn:oid:{STUDY.StudyInstanceUID}"
    assert report["contained"][0]["birthDate"] == "1955-03-01"
    assert report["resultsInterpreter"][0]["display"] == "dr.lee"
    assert report["conclusion"] == final().text
    assert [one["reference"] for one in report["result"]] == [
        f"Observation/{one['id']}" for one in resources(final())["Observation"]
    ]


def test_what_is_signed_takes_the_place_of_what_was_preliminary():
    before, after = resources(preliminary()), resources(final())
    for kind in ("DiagnosticReport", "Observation"):
        assert [one["id"] for one in before[kind]] == [one["id"] for one in after[kind]]
    assert {one["status"] for one in before["Observation"]} == {"preliminary"}
    assert "conclusionCode" not in before["DiagnosticReport"][0]


def test_vertebrae_of_older_images_are_withdrawn():
    told = resources(replace(preliminary(), key_of_analysis="abc-2", withdrawn=(("abc-1", 3),)))["Observation"]
    stale = [one for one in told if one["status"] == "entered-in-error"]
    assert [one["id"] for one in stale] == [one["id"] for one in resources(preliminary())["Observation"][:3]]
    Bundle.model_validate(result_bundle(replace(preliminary(), withdrawn=(("abc-1", 3),))))


def test_every_code_has_a_fhir_system():
    assert {one.scheme for one in codes.entries()} <= set(SYSTEMS)
