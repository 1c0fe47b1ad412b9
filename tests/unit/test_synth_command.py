"""What `vfx-finder synth` says while it writes."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from models.synthesis import demo, film_validation, validation
from pipelines.evaluation.films import film_truths
from vfx_finder.cli import synth
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.spine import Level


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    synth.register(app)
    return app


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the films that were drawn: a body of 20 by 30 pixels each, of grade 2 on odd ones."""
    numbers: list[int] = []

    def draw(number: int, path: Path) -> dict[str, object]:
        numbers.append(number)
        path.write_bytes(b"a picture")
        places = zip(("TF", "TB", "BF", "BB"), ((10, 5), (40, 5), (10, 25), (40, 25)), strict=True)
        points = {f"L1{name}": (x + 0.5, y + number) for name, (x, y) in places}
        return {"number": number, "points": points, "grades": {"L1": 2 * (number % 2)}}

    monkeypatch.setattr(film_validation, "_write", draw)
    return numbers


def test_into_a_file_no_bar_is_drawn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, app: typer.Typer) -> None:
    def write(folder: Path, tell: demo.Progress) -> list[Path]:
        tell("one", 0.0)
        tell("one", 1.0)
        return [folder, folder]

    monkeypatch.setattr(demo, "write_demo_studies", write)
    said = CliRunner().invoke(app, [str(tmp_path)])
    assert said.exit_code == 0
    assert "%" not in said.output
    assert "2 synthetic studies" in said.output


def test_who_wants_to_evaluate_learns_that_these_are_not_the_studies_for_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, app: typer.Typer
) -> None:
    """DICOM has no answer key that `evaluate` reads."""
    monkeypatch.setattr(demo, "write_random_studies", lambda folder, studies, seed, tell: [folder] * studies)
    said = CliRunner().invoke(app, [str(tmp_path), "--studies", "1"])
    assert said.output.startswith("1 synthetic study in ")
    assert "`vfx-finder evaluate` takes what `synth --validation` or `synth --films` writes." in said.output


@pytest.mark.parametrize("kind", [(), ("--validation",), ("--films",)])
def test_fewer_than_no_study_is_refused_with_a_sentence(
    kind: tuple[str, ...], tmp_path: Path, app: typer.Typer, drawn: list[int]
) -> None:
    said = CliRunner().invoke(app, [str(tmp_path / "new"), *kind, "--studies", "-3"])
    assert said.exit_code == 2
    assert "studies cannot be written" in said.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", [(), ("--validation",), ("--films", "--studies", "1")])
def test_a_seed_is_not_passed_over_where_it_changes_nothing(
    kind: tuple[str, ...], tmp_path: Path, app: typer.Typer, drawn: list[int]
) -> None:
    said = CliRunner().invoke(app, [str(tmp_path / "new"), *kind, "--seed", "7"])
    assert said.exit_code == 2
    assert "random studies" in said.output
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(("kind", "what"), [("--validation", "patients"), ("--films", "films")])
def test_a_frozen_set_has_no_more_than_it_has(
    kind: str, what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, app: typer.Typer, drawn: list[int]
) -> None:
    monkeypatch.setattr(validation, "write_patient", lambda one, folder: None)
    said = CliRunner().invoke(app, [str(tmp_path / "new"), kind, "--studies", "401"])
    assert said.exit_code == 2
    assert "The frozen set has" in said.output
    assert what in said.output
    assert not (tmp_path / "new").exists()


def test_patients_and_their_scans_are_counted_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, app: typer.Typer
) -> None:
    """The first patients of the frozen set are scanned three times each."""

    def write(one: validation.Patient, folder: Path) -> None:
        for scan in one.acquisitions:
            (folder / f"{one.number:04d}-{scan.name}.truth.json").write_text("{}")

    monkeypatch.setattr(validation, "write_patient", write)
    said = CliRunner().invoke(app, [str(tmp_path), "--validation", "--studies", "2"])
    assert said.output.startswith("2 synthetic patients, 6 scans in ")


def test_frozen_films_are_written_as_evaluate_reads_them(tmp_path: Path, app: typer.Typer, drawn: list[int]) -> None:
    said = CliRunner().invoke(app, [str(tmp_path), "--films", "--studies", "3"])
    assert (said.exit_code, drawn) == (0, [1, 2, 3])
    assert "3 synthetic lateral films" in said.output
    truths = film_truths(tmp_path / "annotations.json")
    assert [truth.film.name for truth in truths] == ["0001.png", "0002.png", "0003.png"]
    assert [truth.grades[Level.L1] for truth in truths] == [2, 0, 2]
    assert truths[1].corners[Level.L1].tolist() == [[7, 10.5], [7, 40.5], [27, 10.5], [27, 40.5]]


def test_a_set_that_was_begun_is_taken_up_where_it_stood(tmp_path: Path, app: typer.Typer, drawn: list[int]) -> None:
    """Ended after two films of five, and one picture was lost since: only what is not there is drawn."""
    CliRunner().invoke(app, [str(tmp_path), "--films", "--studies", "2"])
    (tmp_path / "images" / "0001.png").unlink()
    before = film_truths(tmp_path / "annotations.json")
    CliRunner().invoke(app, [str(tmp_path), "--films", "--studies", "5"])
    assert drawn == [1, 2, 1, 3, 4, 5]
    after = film_truths(tmp_path / "annotations.json")
    assert [truth.film.stem for truth in after] == ["0001", "0002", "0003", "0004", "0005"]
    assert after[1].corners[Level.L1].tolist() == before[0].corners[Level.L1].tolist()


def test_corners_of_other_films_are_never_written_over(tmp_path: Path, app: typer.Typer, drawn: list[int]) -> None:
    (tmp_path / "annotations.json").write_text('{"info": {"description": "films of a hospital"}}')
    said = CliRunner().invoke(app, [str(tmp_path), "--films", "--studies", "1"])
    assert isinstance(said.exception, Unreadable)
    assert drawn == []
    assert "hospital" in (tmp_path / "annotations.json").read_text()


def test_two_frozen_sets_are_not_written_into_one_folder(tmp_path: Path, app: typer.Typer, drawn: list[int]) -> None:
    said = CliRunner().invoke(app, [str(tmp_path), "--films", "--validation"])
    assert (said.exit_code, drawn) == (2, [])
