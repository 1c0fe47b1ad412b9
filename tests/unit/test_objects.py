"""Objects for the archive: whose they are, what they say, and that a retry sends the very same ones."""

from dataclasses import replace
from datetime import datetime
from io import BytesIO

import numpy as np
import pytest
from highdicom.seg import segread
from highdicom.sr import Comprehensive3DSR, srread
from hypothesis import given
from hypothesis import strategies as st
from pydicom import config, dcmread
from pydicom.sr.codedict import codes as dictionary

from pipelines.steps.write import Making, objects
from tests.support import results, spines
from tests.support.dicom import Order, Person, enhanced_ct, radiograph, write
from tests.support.results import answers, by_kind, encoded, group_of, numbers, words_of
from vfx_finder.dicom import codes
from vfx_finder.dicom.uids import UUID_ROOT, uid_for
from vfx_finder.domain.delivered import Kind, Stage, with_needed
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import FILM_SUSPECTED, SCALE_ESTIMATED
from vfx_finder.domain.identity import Uid
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason, SeriesVerdict

SIGNED = results.signed()
FILM_FLAGS = (FILM_SUSPECTED, SCALE_ESTIMATED)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The study that everything here is about."""
    return results.study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def before(files):
    """Every object before the signature, by kind."""
    return by_kind(results.made(files, set(Kind), None, results.analysed(unsure=Level.L2)))


@pytest.fixture(scope="module")
def after(files):
    """Every object after it."""
    return by_kind(results.made(files, set(Kind), SIGNED, results.analysed(unsure=Level.L2)))


def test_every_object_belongs_to_the_study_and_the_patient(files, before, after):
    """Patient and study headers are those of the source, and each kind has a series of its own."""
    source = dcmread(files[0])
    for made in (before, after):
        for kind, datasets in made.items():
            for one in datasets:
                for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID",
                                "AccessionNumber", "StudyDate", "ReferringPhysicianName"):  # fmt: skip
                    assert one[keyword].value == source[keyword].value, (kind, keyword)
                assert one.SeriesInstanceUID != source.SeriesInstanceUID
                assert (one.SeriesNumber > 9000, one.ManufacturerModelName) == (True, "vfx_finder")
                assert one.DeviceSerialNumber == "VFXTEST"
                assert len(one.SeriesDescription) <= 64
        assert len({one.SeriesInstanceUID for datasets in made.values() for one in datasets}) == len(Kind)


def test_headers_as_sent_survive_however_odd(tmp_path):
    """A sex that is no DICOM sex, a long accession number, a name in another script: not ours to judge or to lose."""
    mode = config.settings.writing_validation_mode
    config.settings.writing_validation_mode = config.IGNORE
    try:
        person = Person("ÄÖ 17\\x", "Иванова^Анна=ivanova", "19", "X", "99Q")
        order = Order(person=person, AccessionNumber="A-very-long-accession-number")
        files = results.study(tmp_path, order, IssuerOfPatientID="Klinik")
        made = results.made(files, set(Kind), SIGNED, results.analysed(order=order))
    finally:
        config.settings.writing_validation_mode = mode
    for one in made:
        again = dcmread(BytesIO(encoded(one.dataset)))
        assert str(again.PatientName) == "Иванова^Анна=ivanova"
        assert (again.PatientSex, again.AccessionNumber) == ("X", "A-very-long-accession-number")
        assert again.IssuerOfPatientID == "Klinik"


def test_the_same_result_gives_the_same_bytes(files):
    """A delivery that is tried again sends what it sent before, so that the archive knows it as one object."""
    kinds = {Kind.SC, Kind.SR_COMPREHENSIVE, Kind.SEG, Kind.GSPS, Kind.PDF}
    first, second = (results.made(files, kinds) for _ in range(2))
    assert [one.SOPInstanceUID for one in first] == [one.SOPInstanceUID for one in second]
    unlike = [
        one.kind for one, other in zip(first, second, strict=True) if encoded(one.dataset) != encoded(other.dataset)
    ]
    assert unlike == []


def test_a_signature_makes_other_objects_but_no_other_reformat(before, after):
    """Final objects never overwrite preliminary ones; a reformat claims nothing and stays one series."""
    for kind in Kind:
        uids = [{one.SOPInstanceUID for one in made[kind]} for made in (before, after)]
        assert (uids[0] == uids[1]) is (kind is Kind.REFORMAT)
    assert encoded(before[Kind.REFORMAT][0]) == encoded(after[Kind.REFORMAT][0])


def test_another_analysis_gets_other_uids(files):
    """Other grades, other objects."""
    kinds = {Kind.SR_COMPREHENSIVE}
    one, other = results.made(files, kinds), results.made(files, kinds, None, results.analysed({Level.L1: 2}))
    assert one[0].SOPInstanceUID != other[0].SOPInstanceUID


@pytest.mark.parametrize(("stage", "review"), [(Stage.FINAL, None), (Stage.PRELIMINARY, SIGNED)])
def test_nothing_is_final_without_a_signature(files, stage, review):
    """Stage and review go together, or nothing is made."""
    with pytest.raises(ValueError, match="signed review"):
        objects(files, results.analysed(), review, set(Kind), stage, results.MAKING)


def test_a_time_without_zone_is_refused():
    """Nobody could say when that was."""
    with pytest.raises(ValueError, match="time zone"):
        Making(datetime(2026, 11, 20))  # noqa: DTZ001 - that is the point


def test_a_study_that_was_not_analysed_sends_nothing(files):
    """No object stands for a study nobody looked at."""
    why = spines.not_analysed(Reason.NO_SPINE, "No spine.")
    assert objects(files, why, None, set(Kind), Stage.PRELIMINARY, results.MAKING) == []


def test_images_that_are_gone_are_said_to_be(tmp_path):
    """Without the study's headers there is no patient to send a result for."""
    with pytest.raises(Unreadable, match="no longer there"):
        results.made([], {Kind.SR})


def test_what_lies_on_the_reformat_brings_it_along(files):
    """SEG and GSPS refer to images that the archive then has, and gets first."""
    assert with_needed([Kind.SEG]) == {Kind.SEG, Kind.REFORMAT}
    assert with_needed([Kind.SR, Kind.SC]) == {Kind.SR, Kind.SC}
    made = results.made(files, {Kind.GSPS})
    assert [one.kind for one in made] == [Kind.REFORMAT] * 5 + [Kind.GSPS]
    referred = made[-1].dataset.ReferencedSeriesSequence[0].ReferencedImageSequence
    assert {item.ReferencedSOPInstanceUID for item in referred} == {one.SOPInstanceUID for one in made[:5]}


def test_before_the_signature_everything_says_that_nobody_confirmed_it(before):
    """UNVERIFIED, PRELIMINARY, PARTIAL, and in words in series and report."""
    for kind in (Kind.SR, Kind.SR_COMPREHENSIVE):
        report = before[kind][0]
        flags = (report.VerificationFlag, report.PreliminaryFlag, report.CompletionFlag)
        assert flags == ("UNVERIFIED", "PRELIMINARY", "PARTIAL")
        assert "AI, unconfirmed" in words_of(report)
        assert "VerifyingObserverSequence" not in report
    assert before[Kind.PDF][0].VerificationFlag == "UNVERIFIED"
    for kind in set(Kind) - {Kind.REFORMAT}:
        assert all("AI, unconfirmed" in one.SeriesDescription for one in before[kind])


def test_after_it_the_reader_stands_behind_it(after):
    """VERIFIED by name, organisation and time of the signature."""
    for kind in (Kind.SR, Kind.SR_COMPREHENSIVE):
        report = after[kind][0]
        flags = (report.VerificationFlag, report.PreliminaryFlag, report.CompletionFlag)
        assert flags == ("VERIFIED", "FINAL", "COMPLETE")
        observer = report.VerifyingObserverSequence[0]
        assert str(observer.VerifyingObserverName) == "Dr Zoë Müller^"
        assert observer.VerifyingOrganization == "Synthetic Hospital"
        assert observer.VerificationDateTime == "20261121093000"
        assert "unconfirmed" not in words_of(report)
        assert "Recommend referral to the Fracture Liaison Service" in words_of(report)
    assert after[Kind.PDF][0].VerificationFlag == "VERIFIED"
    assert "unconfirmed" not in "".join(one.SeriesDescription for made in after.values() for one in made)


def test_the_report_text_is_the_one_that_was_signed(files, after):
    """With the doubt about a level that the page showed, and the advice for the age that is known now."""
    young = replace(results.MAKING, age=41)
    (made,) = objects(files, results.analysed(), SIGNED, {Kind.SR}, Stage.FINAL, young)
    texts = [
        next(item.TextValue for item in report.ContentSequence if "Recommend" in item.get("TextValue", ""))
        for report in (after[Kind.SR][0], made.dataset)
    ]
    assert ["L2, or L1 (29 %)" in text for text in texts] == [True, False]
    assert ["under 50" in text for text in texts] == [False, True]


def test_the_final_report_names_the_one_it_replaces(files, before):
    """Where the preliminary one was sent, the final one names it as its predecessor; otherwise it names none."""
    alone = results.made(files, {Kind.SR_COMPREHENSIVE}, SIGNED, results.analysed(unsure=Level.L2))[0].dataset
    making = replace(results.MAKING, supersedes=True)
    analysis = results.analysed(unsure=Level.L2)
    after = objects(files, analysis, SIGNED, {Kind.SR_COMPREHENSIVE}, Stage.FINAL, making)[0].dataset
    assert "PredecessorDocumentsSequence" not in alone
    series = after.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == before[Kind.SR_COMPREHENSIVE][0].SOPInstanceUID
    assert after.SOPInstanceUID != alone.SOPInstanceUID


def test_research_stands_on_everything(before):
    """Not validated: said in words where there are any, and as a code where the object has a place for it."""
    assert "Research software" in words_of(before[Kind.SR][0])
    assert all(one.ContentQualification == "RESEARCH" for one in before[Kind.SC])
    assert "Research" in before[Kind.SEG][0].ContentDescription
    for made in before.values():
        assert "Research software" in made[0].ContributingEquipmentSequence[0].ContributionDescription


def test_burned_in_words_are_declared(before):
    """An archive that cleans images must know which carry writing."""
    assert {one.BurnedInAnnotation for one in before[Kind.SC]} == {"YES"}
    assert {one.BurnedInAnnotation for one in before[Kind.REFORMAT]} == {"NO"}


def test_the_report_lists_every_image_that_was_looked_at(files, before):
    """Viewers show no SR without its evidence (0040,A375)."""
    for kind in (Kind.SR, Kind.SR_COMPREHENSIVE):
        study = before[kind][0].CurrentRequestedProcedureEvidenceSequence[0]
        listed = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
        assert {item.ReferencedSOPInstanceUID for item in listed} == {dcmread(file).SOPInstanceUID for file in files}


def test_a_machine_reads_level_heights_grade_and_doubt(before):
    """T12: its code, three heights, losses, grade 2, suspected. L2: the doubt about its number stands in words."""
    group = group_of(before[Kind.SR][0], "T12")
    coded = answers(group)
    assert coded["363698007"] == dictionary.SCT.T12Vertebra.value
    assert coded[codes.COMPRESSION_FRACTURE.value] == "415684004"
    assert coded[codes.GENANT.value] == "GENANT2"
    found = next(one for one in results.analysed().findings if one.vertebra.level.level is Level.T12)
    heights = found.vertebra.heights
    assert heights is not None
    assert numbers(group)["HEIGHTA"] == pytest.approx(heights.anterior, abs=0.05)
    assert numbers(group)["PROB2"] == pytest.approx(91.0)
    doubtful = group_of(before[Kind.SR][0], "L2, or L1 (29 %)")
    assert "L2, or L1 (29 %): suspected vertebral fracture" in words_of(doubtful)


def test_a_rejected_finding_is_no_fracture_in_any_code(after):
    """T8 was turned down: no grade, no shape, and the reason in words; T12 is present."""
    coded = answers(group_of(after[Kind.SR][0], "T8"))
    assert coded[codes.COMPRESSION_FRACTURE.value] == "REJECTED"
    assert codes.GENANT.value not in coded
    assert "Schmorl node" in words_of(group_of(after[Kind.SR][0], "T8"))
    assert answers(group_of(after[Kind.SR][0], "T12"))[codes.COMPRESSION_FRACTURE.value] == "52101004"
    assert numbers(group_of(after[Kind.SR][0], "Spine"))["COUNT"] == 2


def test_an_outline_lies_where_the_body_is(before, files):
    """The polygon of T12 runs round the body's middle in the patient's space, in the scan's frame of reference."""
    item = next(one for one in group_of(before[Kind.SR][0], "T12").ContentSequence if one.ValueType == "SCOORD3D")
    points = np.array(item.GraphicData).reshape(-1, 3)
    assert item.ReferencedFrameOfReferenceUID == dcmread(files[0]).FrameOfReferenceUID
    assert np.array_equal(points[0], points[-1])
    found = next(one for one in results.analysed().findings if one.vertebra.level.level is Level.T12).vertebra
    assert found.drawing is not None
    column, row = np.mean(found.drawing.outline, axis=0) * spines.MM_PER_PIXEL
    x, y, z = results.ORIGIN
    expected = (x + results.MIDDLE_IMAGE * results.SPACING_MM, y + column, z - row)
    assert points[:-1].mean(axis=0) == pytest.approx(expected, abs=1.0)


def test_levels_without_a_code_are_coded_by_region_only():
    """T13 is never coded as T12, nor L6 as L5: CID 7603 has no code for either."""
    assert codes.site_of(Level.T13) == codes.THORACIC_SPINE
    assert codes.site_of(Level.L6) == codes.LUMBAR_SPINE
    assert codes.site_of(None) == codes.SPINE
    assert {codes.site_of(level) for level in Level if level in codes.LEVELS}.isdisjoint({codes.THORACIC_SPINE})


def test_segments_are_the_vertebrae(before):
    """One segment a vertebra, coded, as large as the body was outlined, on the reformat's images."""
    seg = before[Kind.SEG][0]
    labels = [segment.SegmentLabel for segment in seg.SegmentSequence]
    assert labels[0] == "T5"
    assert "T12, grade 2, suspected" in labels
    types = [segment.SegmentedPropertyTypeCodeSequence[0].CodeValue for segment in seg.SegmentSequence]
    assert types == [codes.LEVELS[one.vertebra.level.level].value for one in results.analysed().findings]
    assert seg.FrameOfReferenceUID == before[Kind.REFORMAT][0].FrameOfReferenceUID
    reformat = results.reformat_of(results.analysed())
    assert int(seg.pixel_array.sum()) == int((reformat.bodies > 0).sum())


def test_drawings_stand_on_the_image_through_the_body(before):
    """Annotations refer to the image through the bodies' middle, with words for level and standing."""
    state, images = before[Kind.GSPS][0], before[Kind.REFORMAT]
    for annotation in state.GraphicAnnotationSequence:
        uid = annotation.ReferencedImageSequence[0].ReferencedSOPInstanceUID
        assert uid == images[results.MIDDLE_IMAGE].SOPInstanceUID
    texts = [item.UnformattedTextValue for one in state.GraphicAnnotationSequence
             for item in one.get("TextObjectSequence", [])]  # fmt: skip
    assert "T12 suspected grade 2, AI, unconfirmed" in texts
    assert "L2? suspected grade 3, AI, unconfirmed" in texts
    assert "AI, unconfirmed. Research software. ? after a level: not certain." in texts
    lines = [item for one in state.GraphicAnnotationSequence for item in one.get("GraphicObjectSequence", [])]
    assert len(lines) == 13 + 3 * len(results.GRADES)


def test_a_reformat_is_a_derived_image_in_the_scans_space(before):
    """Sagittal planes from right to left, 3 mm apart, in Hounsfield units, never taken for an original."""
    images = before[Kind.REFORMAT]
    positions = np.array([one.ImagePositionPatient for one in images], float)
    assert np.allclose(np.diff(positions, axis=0), [3.0, 0, 0])
    assert list(map(float, images[0].ImageOrientationPatient)) == [0, 1, 0, 0, 0, -1]
    assert images[0].ImageType[:2] == ["DERIVED", "SECONDARY"]
    assert np.array_equal(images[1].pixel_array, results.reformat_of(results.analysed()).hu[1])


def test_a_radiograph_gets_what_can_be_made_of_it(tmp_path):
    """Without a place in the patient there is no reformat, SEG or GSPS; the key image and both reports are made."""
    film = radiograph()
    series = (SeriesVerdict(str(film.SeriesInstanceUID), "film", 1, None),)
    found = spines.analysis(results.GRADES)
    first = replace(found.findings[3], grade=None, vertebra=replace(found.findings[3].vertebra, flags=FILM_FLAGS))
    findings = (*found.findings[:3], first, *found.findings[4:])
    analysis = replace(found, modality="DX", series=series, findings=findings)
    made = results.made([write(film, tmp_path)], set(Kind), None, analysis)
    assert {one.kind for one in made} == {Kind.SC, Kind.SR, Kind.SR_COMPREHENSIVE, Kind.PDF}
    assert "XR unspecified body region" in str(by_kind(made)[Kind.SR][0])


def test_a_report_on_a_radiograph_gives_no_number_that_is_made_of_grades(tmp_path):
    """Grade 0 would read as "no fracture"; software grades nothing on a film."""
    film = radiograph()
    series = (SeriesVerdict(str(film.SeriesInstanceUID), "film", 1, None),)
    analysis = replace(spines.film({Level.T12: FILM_FLAGS}), series=series)
    made = results.made([write(film, tmp_path)], {Kind.SR, Kind.PDF}, None, analysis)
    report = by_kind(made)[Kind.SR][0].to_json()
    assert "Radiograph (X-ray, research): Suspected vertebral fracture: T12." in report
    assert codes.FRACTURE_COUNT.meaning in report
    for code in (codes.MAX_GRADE, codes.DEFORMITY_INDEX, codes.PATIENT_PROBABILITY):
        assert code.meaning not in report


def test_readers_of_other_makers_find_the_template(before, tmp_path):
    """highdicom reads the report back as TID 1500 and finds every vertebra's region, site and measurements."""
    path = tmp_path / "report.dcm"
    path.write_bytes(encoded(before[Kind.SR][0]))
    read = srread(path)
    assert isinstance(read, Comprehensive3DSR)
    groups = read.content.get_planar_roi_measurement_groups()
    assert len(groups) == len(results.analysed().findings)
    twelfth = next(group for group in groups if group.tracking_identifier == "T12")
    assert twelfth.finding_sites[0].value.value == dictionary.SCT.T12Vertebra.value
    assert [one.name.value for one in twelfth.get_measurements()][:3] == ["HEIGHTA", "HEIGHTM", "HEIGHTP"]


def test_segments_read_back_are_the_bodies(before, tmp_path):
    """highdicom reads the segmentation back; each segment covers exactly what was kept of its body."""
    path = tmp_path / "segments.dcm"
    path.write_bytes(encoded(before[Kind.SEG][0]))
    read = segread(path)
    images = [one.SOPInstanceUID for one in before[Kind.REFORMAT]]
    pixels = read.get_pixels_by_source_instance(images, combine_segments=True)
    assert np.array_equal(pixels, results.reformat_of(results.analysed()).bodies)


def test_a_multi_frame_study_is_referred_to_too(tmp_path):
    """Enhanced CT: one instance is all the evidence, and every kind can be made."""
    whole = enhanced_ct()
    series = (SeriesVerdict(str(whole.SeriesInstanceUID), "enhanced", 1, None),)
    made = results.made([write(whole, tmp_path)], set(Kind), None, replace(results.analysed(), series=series))
    assert {one.kind for one in made} == set(Kind)
    study = by_kind(made)[Kind.SR][0].CurrentRequestedProcedureEvidenceSequence[0]
    listed = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert [one.ReferencedSOPInstanceUID for one in listed] == [whole.SOPInstanceUID]


def test_every_code_means_what_the_standard_says():
    """What is said to be from PS3.16 is in pydicom's copy of it; contradictory ones are not used."""
    known = {(code.scheme_designator, code.value) for code in _dictionary_codes()}
    for entry in codes.entries():
        standard = entry.source.startswith(("DICOM", "UCUM"))
        assert not standard or (entry.scheme, entry.value) in known, entry
    for bad in ("207957008", "207938004", "698077007"):
        assert bad not in {entry.value for entry in codes.entries()}


def _dictionary_codes():
    for scheme in ("DCM", "SCT", "LN", "UCUM"):
        collection = getattr(dictionary, scheme)
        for name in collection.dir():
            yield getattr(collection, name)


@given(st.lists(st.text(), min_size=1), st.sampled_from([UUID_ROOT, "1.2.3", "1.2.826.0.1.3680043.10.99999.12"]))
def test_uids_are_valid_under_any_root(words, root):
    """At most 64 characters, no leading zeros, under the root, the same for the same words."""
    uid = uid_for(root, *words)
    assert str(Uid(uid)) == uid
    assert uid.startswith(root + ".")
    assert uid == uid_for(root, *words)
    assert uid != uid_for(root, *words, "more")


def test_a_root_that_leaves_no_room_is_refused():
    """A UID has 64 characters."""
    with pytest.raises(ValueError, match="too long"):
        uid_for("1." + "2" * 40, "x")
