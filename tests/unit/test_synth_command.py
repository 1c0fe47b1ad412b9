"""What `vfx-finder synth` says while it writes."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from models.synthesis import demo, film_validation
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
