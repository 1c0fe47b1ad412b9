"""A run over many films can be ended and taken up again, in one process or in several, and none costs the others."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from pipelines.evaluation.film_run import FilmResults, from_document, run_films, to_document
from pipelines.evaluation.film_scores import film_scores
from pipelines.evaluation.films import BodyResult, FilmResult, StrayResult
from pipelines.evaluation.journal import Journal, Key, Version
from pipelines.evaluation.record import Analyser
from pipelines.evaluation.run import Plan
from vfx_finder import __version__
from vfx_finder.cli import evaluate
from vfx_finder.domain.finding import Analysis, Finding, Loss, PatientSummary
from vfx_finder.domain.spine import Heights, Level, LevelEstimate, Vertebra

OLD, NEW = Version("weights", "code"), Version("weights", "other code")
BROKEN = "3.png"
NUMBERS = (1, 2, 3)


def found(film: Path) -> Analysis:
    """L1 where it is; nothing but an error for one film."""
    if film.name == BROKEN:
        raise ValueError("DOE^JANE")
    vertebra = Vertebra(LevelEstimate(Level.L1, 0.9, {}), (25.0, 15.0, 0.0), Heights(20, 18, 20), (), None)
    one = Finding(vertebra, Loss(0.1, 0.1), None, None, 0.3)
    return Analysis("DX", None, (one,), PatientSummary(0, 0, 0, 0.0), (), {"total": 2.0})


class Reader:
    """Finds L1, and counts the films it was shown."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, files: Sequence[Path]) -> Analysis:
        self.asked += 1
        return found(files[0])


def reader() -> Analyser:
    """Made anew in each process."""
    return Reader()


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Three films with one body each, of grades 1, 2 and 3."""
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    for n in NUMBERS:
        Image.fromarray(np.tile(np.arange(250, dtype=np.uint8), (250, 1)) // n).save(folder / "images" / f"000{n}.png")
    corners = [10.0, 5.0, 2, 40.0, 5.0, 2, 10.0, 25.0, 2, 40.0, 25.0, 2]
    told = {
        "images": [{"id": n, "file_name": f"000{n}.png"} for n in NUMBERS],
        "categories": [{"keypoints": ["L1TF", "L1TB", "L1BF", "L1BB"]}],
        "annotations": [{"image_id": n, "keypoints": corners, "grades": {"L1": n}} for n in NUMBERS],
    }
    file = folder / "annotations.json"
    file.write_text(json.dumps(told))
    return file


def again(films: Path, read: Reader, version: Version = OLD) -> FilmResults:
    return run_films([films], Plan(lambda: read, films.parent.parent / "kept", version=version))


def test_a_second_call_reads_no_film_again_and_says_the_same(films: Path) -> None:
    read = Reader()
    first, second = again(films, read), again(films, read)
    assert read.asked == 3
    assert (first.taken_up, second.taken_up) == (0, 3)
    assert second.of_file == first.of_file
    assert film_scores(second.of_file[films]).recall_lower.value == 1.0
    assert film_scores(second.of_file[films]).auc_film.value is not None


def test_another_film_other_corners_and_another_version_are_read_again(films: Path) -> None:
    read = Reader()
    again(films, read)
    Image.fromarray(np.eye(250, dtype=np.uint8)).save(films.parent / "images" / "0001.png")
    assert (again(films, read).taken_up, read.asked) == (2, 4)
    films.write_text(films.read_text().replace("40.0", "41.0"))
    assert (again(films, read).taken_up, read.asked) == (0, 7)
    after = again(films, read, NEW)
    assert (after.taken_up, after.outdated, read.asked) == (0, 7, 10)


def test_each_film_has_a_picture_that_is_kept_and_taken_up(films: Path) -> None:
    """One that was lost since is not missed: the film is then shown without."""
    first, second = again(films, Reader()), again(films, Reader())
    assert sorted(first.pictures[films]) == [0, 1, 2]
    assert second.pictures == first.pictures
    assert all(
        file.read_bytes().startswith(b"\xff\xd8") and file.suffix == ".jpg" for file in first.pictures[films].values()
    )
    first.pictures[films][1].unlink()
    third = again(films, Reader())
    assert (third.taken_up, sorted(third.pictures[films])) == (3, [0, 2])
    assert run_films([films], Plan(reader)).pictures == {}


def test_films_know_nothing_of_kept_cts(films: Path) -> None:
    """One folder may keep both: neither is out of date because the other is there."""
    kept = films.parent.parent / "kept"
    of_ct = Key("image:a", "sum", NEW)
    Journal(kept, NEW, ("image",)).keep(of_ct, {}, None)
    again(films, Reader())
    assert again(films, Reader()).outdated == 0
    assert (Journal(kept, NEW, ("image", "mask")).earlier, Journal(kept, NEW, ("film",)).earlier) == (0, 3)
    assert Journal(kept, OLD, ("image",)).earlier == 1


def test_a_film_that_fails_is_listed_by_the_kind_of_its_error_alone(films: Path) -> None:
    (films.parent / "images" / "0002.png").rename(films.parent / "images" / BROKEN)
    films.write_text(films.read_text().replace("0002.png", BROKEN))
    results = again(films, Reader())
    assert [(one.name, one.reason) for one in results.excluded] == [(BROKEN, "not evaluated: ValueError")]
    assert [one.film for one in results.of_file[films]] == ["0001.png", "0003.png"]


def test_two_processes_read_what_one_reads(films: Path) -> None:
    """Each loads a reader of its own; results come in the order of the films all the same."""
    alone = run_films([films], Plan(reader))
    told: list[tuple[int, int]] = []
    both = run_films([films], Plan(reader, jobs=2), lambda _, done, of: told.append((done, of)))
    assert both.of_file == alone.of_file
    assert told[-4:] == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_a_result_survives_being_written_and_read() -> None:
    missed = BodyResult("a.png", Level.T6, False, grade=2)
    seen = BodyResult("a.png", Level.L1, True, Level.T13, 0.1, (0.9, 0.95), False, 0.2, 0)
    seen = replace(seen, outline=((1.0, 2.0), (3.0, 4.0)), true_outline=((1.5, 2.0), (3.0, 4.0)))
    stray = StrayResult(Level.L4, True, True, 0.9, ((5.0, 6.0),))
    result = FilmResult("a.png", (missed, seen), 1, 2.5, "film-not-lateral-spine", (stray,), (30, 40))
    assert from_document(json.loads(json.dumps(to_document(result)))) == result


def test_the_command_keeps_results_and_numbers_and_takes_them_up(films: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "film_analyser", reader)
    app, into = typer.Typer(), films.parent.parent / "results"
    evaluate.register(app)
    first = CliRunner().invoke(app, [str(films.parent), "--into", str(into), "--jobs", "2"])
    second = CliRunner().invoke(app, [str(films.parent), "--into", str(into)])
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "kept from before" not in first.output
    assert "3 results were kept from before" in second.output
    assert not (into / "index.html").exists()
    page = (into / "films.html").read_text(encoding="utf-8")
    assert "Films are research" in page
    assert 'href="index.html"' not in page
    document = json.loads((into / "films.json").read_text())
    assert document["sets"]["set"]["films"] == 3
    (model,) = document["made"]["models"]
    assert (model["name"], len(model["sha256"])) == ("xray_spine", 64)
    assert document["made"]["software"] == __version__


def test_a_set_without_a_film_that_can_be_read_is_nothing_to_evaluate(films: Path) -> None:
    for picture in (films.parent / "images").iterdir():
        picture.unlink()
    app = typer.Typer()
    evaluate.register(app)
    done = CliRunner().invoke(app, [str(films.parent)])
    assert done.exit_code == 2
    assert "Nothing here can be evaluated" in done.output
    assert "0001.png: annotated, but the picture is missing" in done.output
