"""`vfx-finder analyse`: what each path stands for, what is printed and written, and when it ends with 2."""

import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from models import catalogue
from pipelines import study
from tests.support.ct_series import TRUNK, landmark_hu, landmark_series, written
from tests.support.dicom import Order, ct_series, mr_slice, radiograph
from tests.support.locating import NoNetworks, StandIn, bodies_of
from vfx_finder.cli import analyse, main
from vfx_finder.cli._inputs import inputs_of

FILM_NETWORKS = analyse._Shelf.__dict__["xray_spine"]
LUMBAR = [(24, 25), (25, 26), (17, 27), (27, 28), (28, 28)]


@pytest.fixture(autouse=True)
def networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "locate", StandIn(bodies_of(LUMBAR)).locate)
    monkeypatch.setattr(analyse._Shelf, "ct_spine", NoNetworks.ct_spine)
    monkeypatch.setattr(analyse._Shelf, "xray_spine", None)


def run(*words: object, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["vfx-finder", "analyse", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def nifti(path: Path) -> Path:
    affine = np.array([[-2.0, 0, 0, 48], [0, -2, 0, 48], [0, 0, 2, 0], [0, 0, 0, 1]])
    nib.Nifti1Image(landmark_hu(TRUNK).transpose(2, 1, 0), affine).to_filename(path)
    return path


def test_a_folder_is_one_study_shown_as_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(landmark_series(), tmp_path / "study")
    code = run(tmp_path / "study", "--json", tmp_path / "out.json", monkeypatch=monkeypatch)
    assert code == 0
    shown = capsys.readouterr().out
    assert "wedge" in shown
    assert "a radiologist decides" in shown
    document = json.loads((tmp_path / "out.json").read_text())
    assert document["schema"] == "vfx-finder/analysis/1"
    assert len(document["vertebrae"]) == len(LUMBAR)


def test_a_folder_of_pictures_is_one_film_each_and_none_is_lost(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG"):
        Image.fromarray(np.zeros((30, 20), np.uint8)).save(tmp_path / name)
    (tmp_path / "annotations.json").write_text("{}")
    assert [(one.name, len(one.files)) for one in inputs_of([tmp_path])] == [("a", 1), ("b", 1)]
    written(landmark_series(), tmp_path / "study")
    assert len(inputs_of([tmp_path])) == 1, "beside DICOM a picture is a stranger, counted with the study"


def test_a_target_without_an_ending_is_a_folder_and_stays_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one.nii", "two.nii"):
        assert run(nifti(tmp_path / name), "--json", f"{tmp_path / 'out'}/", monkeypatch=monkeypatch) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["one.json", "two.json"]


def test_a_target_that_cannot_be_written_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").write_text("a file")
    assert run(nifti(tmp_path / "x.nii"), "--json", tmp_path / "taken" / "x.json", monkeypatch=monkeypatch) != 0
    assert "cannot be written" in capsys.readouterr().err


def test_several_paths_make_one_document_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        written(landmark_series(), tmp_path / name / "dicom")
    paths = [tmp_path / "a" / "dicom", tmp_path / "b" / "dicom", nifti(tmp_path / "sub-01_ct.nii.gz")]
    assert run(*paths, "--json", tmp_path / "out", monkeypatch=monkeypatch) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a_dicom.json", "b_dicom.json", "sub-01_ct.json",
    ]  # fmt: skip


def test_loose_files_of_one_series_are_one_study(tmp_path: Path) -> None:
    axial = written(landmark_series(), tmp_path)
    film = written([radiograph()], tmp_path / "film")
    assert [len(item.files) for item in inputs_of([*axial, *film])] == [41, 1]


def test_hidden_files_are_passed_over_and_niftis_in_a_folder_stand_alone(tmp_path: Path) -> None:
    written(landmark_series(), tmp_path / "s")
    (tmp_path / "s" / ".DS_Store").write_text("x")
    nifti(tmp_path / "s" / "extra.nii")
    found = {item.name: len(item.files) for item in inputs_of([tmp_path / "s"])}
    assert found == {"s": 41, "extra": 1}


@pytest.mark.parametrize("content", [b"", b"Dear colleague,", b"\x1f\x8b garbage"])
@pytest.mark.parametrize("name", ["text.dcm", "text.nii.gz", "picture.png"])
def test_a_file_that_is_no_image_ends_with_2_and_one_line(
    name: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(content)
    assert run(tmp_path / name, "--json", tmp_path / "o.json", monkeypatch=monkeypatch) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert len(told.err.strip().splitlines()) == 1
    unsuitable = json.loads((tmp_path / "o.json").read_text())["unsuitable"]
    assert unsuitable["reason"] == "unreadable"
    assert unsuitable["detail"] in told.err


def test_a_path_that_is_not_there_ends_with_2_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "nowhere", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err.startswith("There is no file or folder")


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.dcm").write_text("Dear colleague,")
    paths = [tmp_path / "text.dcm", nifti(tmp_path / "good.nii.gz")]
    assert run(*paths, "--json", tmp_path / "out", monkeypatch=monkeypatch) == 2
    reasons = {path.stem: json.loads(path.read_text())["unsuitable"] for path in (tmp_path / "out").iterdir()}
    assert reasons == {
        "good": None,
        "text": {"reason": "unreadable", "detail": "This is no readable DICOM or NIfTI image."},
    }


def test_an_empty_folder_has_a_result_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", "--json", tmp_path / "o.json", monkeypatch=monkeypatch) == 2
    assert json.loads((tmp_path / "o.json").read_text())["unsuitable"]["reason"] == "no-images"


def film(path: Path) -> Path:
    Image.fromarray(np.arange(300 * 240, dtype=np.uint32).reshape(300, 240).astype(np.uint8)).save(path)
    return path


def test_who_gives_a_picture_learns_how_films_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(film(tmp_path / "film.png"), monkeypatch=monkeypatch) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert told == (
        "film: By its name this is a picture (PNG or JPEG), no DICOM or NIfTI image. "
        "Lateral X-ray films are read with --films (research)."
    )


def test_who_gives_a_radiograph_learns_how_films_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*written([radiograph()], tmp_path), monkeypatch=monkeypatch) == 0
    assert analyse.FILMS_HINT in capsys.readouterr().out


def test_a_text_is_no_film_and_no_word_of_films_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.dcm").write_text("Dear colleague,")
    run(tmp_path / "text.dcm", monkeypatch=monkeypatch)
    assert "--films" not in capsys.readouterr().err


def _never_loaded() -> None:
    raise AssertionError("networks were loaded for what cannot be decoded")


@pytest.mark.parametrize("content", [b"", b"Dear colleague,"])
def test_a_picture_that_cannot_be_decoded_is_told_before_any_network_is_loaded(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(analyse._Shelf, "xray_spine", FILM_NETWORKS)
    monkeypatch.setattr(catalogue, "load_films", _never_loaded)
    (tmp_path / "film.png").write_bytes(content)
    assert run(tmp_path / "film.png", "--films", "--json", tmp_path / "o.json", monkeypatch=monkeypatch) == 2
    assert capsys.readouterr().err == "film: The pixels of the film cannot be decoded.\n"
    assert json.loads((tmp_path / "o.json").read_text())["unsuitable"]["reason"] == "unreadable"


def test_networks_are_loaded_once_and_when_something_is_asked_of_them() -> None:
    loaded: list[Path] = []

    def load() -> Path:
        loaded.append(Path("a"))
        return loaded[-1]

    late = analyse._WhenAsked(load)
    assert loaded == []
    assert (late.name, late.stem, loaded) == ("a", "a", [Path("a")])


def test_an_mr_is_an_image_and_is_listed_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written([mr_slice()], tmp_path)[0]
    assert run(file, "--json", tmp_path / "o.json", monkeypatch=monkeypatch) == 0
    document = json.loads((tmp_path / "o.json").read_text())
    assert (document["modality"], document["unsuitable"]["reason"]) == ("MR", "modality-not-analysed")


def test_the_table_quotes_no_patient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written(ct_series(Order(), TRUNK, landmark_hu(TRUNK)), tmp_path / "s")
    run(tmp_path / "s", monkeypatch=monkeypatch)
    told = capsys.readouterr()
    assert "SYNTH-0001" not in told.out + told.err
    assert "Sixty" not in told.out + told.err


def test_a_folder_of_several_studies_is_one_input_for_each(tmp_path: Path) -> None:
    written(landmark_series(), tmp_path / "all" / "first")
    written(ct_series(Order("second"), TRUNK), tmp_path / "all" / "second")
    (tmp_path / "all" / "README.md").write_text("Dear colleague,")
    assert {item.name: len(item.files) for item in inputs_of([tmp_path / "all"])} == {"first": 42, "second": 41}


def test_a_folder_given_for_the_document_gets_it_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(nifti(tmp_path / "x.nii"), "--json", tmp_path, monkeypatch=monkeypatch) == 0
    assert (tmp_path / "x.json").exists()


def test_a_readme_beside_a_nifti_is_no_study(tmp_path: Path) -> None:
    nifti(tmp_path / "s.nii")
    (tmp_path / "README.md").write_text("Dear colleague,")
    assert [item.name for item in inputs_of([tmp_path])] == ["s"]


def test_the_terminal_says_what_the_grade_is_read_from_and_what_the_operating_point_is_worth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(nifti(tmp_path / "x.nii"), monkeypatch=monkeypatch)
    shown = capsys.readouterr().out
    assert "severity" in shown
    assert "Operating point balanced: flagged from a probability of 25%" in shown
