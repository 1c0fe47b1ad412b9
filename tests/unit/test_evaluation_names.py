"""What is not evaluated is named: every file, and folders of one name apart."""

from pathlib import Path

from pipelines.evaluation.cases import find_cases
from pipelines.evaluation.names import named_apart


def test_folders_of_one_name_are_told_apart_by_what_lies_above_them() -> None:
    first, second, other = Path("/data/one/x/dicom"), Path("/data/two/x/dicom"), Path("/data/films")
    assert named_apart([first, second, other]) == {first: "one/x/dicom", second: "two/x/dicom", other: "films"}
    assert named_apart([Path("dicom"), Path("a/dicom")]) == {Path("dicom"): "dicom", Path("a/dicom"): "a/dicom"}


def test_two_folders_of_dicom_are_listed_apart(tmp_path: Path) -> None:
    for patient in ("001", "002"):
        (tmp_path / patient / "dicom").mkdir(parents=True)
        (tmp_path / patient / "dicom" / "1.dcm").touch()
    _, excluded = find_cases([tmp_path])
    assert [one.name for one in excluded] == ["001/dicom/", "002/dicom/"]


def test_a_ct_beside_a_mask_of_unknown_labels_is_listed_as_the_mask_is(tmp_path: Path) -> None:
    """Neither is lost, and each says what would make it one: a mask is no truth by lying beside a CT."""
    for name in ("example_ct.nii.gz", "example_seg.nii.gz"):
        (tmp_path / name).touch()
    cases, excluded = find_cases([tmp_path])
    reasons = {one.name: one.reason for one in excluded}
    assert cases == ()
    assert "example_seg.nii.gz beside it" in reasons["example_ct.nii.gz"]
    assert "example_seg-vert_msk.nii.gz" in reasons["example_ct.nii.gz"]
    assert "without published grades" in reasons["example_seg.nii.gz"]
    assert "_seg-vert_msk.nii.gz" in reasons["example_seg.nii.gz"]


def test_a_ct_whose_mask_is_judged_by_its_grades_alone_is_listed_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "verse_genant.csv").write_text("subject,level,genant\nsub-verse901,L1,2\n", encoding="utf-8")
    for name in ("sub-verse901_ct.nii.gz", "sub-verse901_seg.nii.gz"):
        (tmp_path / name).touch()
    cases, excluded = find_cases([tmp_path])
    assert [(case.ct, case.mask and case.mask.name) for case in cases] == [(None, "sub-verse901_seg.nii.gz")]
    assert [one.name for one in excluded] == ["sub-verse901_ct.nii.gz"]


def test_a_second_file_of_one_subject_is_not_lost(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        for name in ("x_ct.nii.gz", "x_seg-vert_msk.nii.gz"):
            (tmp_path / folder / name).touch()
    cases, excluded = find_cases([tmp_path])
    assert len(cases) == 1
    assert [one.name for one in excluded] == ["x_ct.nii.gz", "x_seg-vert_msk.nii.gz"]
    assert all("of this subject is evaluated" in one.reason for one in excluded)
