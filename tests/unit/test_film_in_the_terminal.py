"""A radiograph in the terminal: research, no grade, and what calls for a look with its measured loss."""

from dataclasses import replace

from rich.console import Console

from tests.support import spines
from vfx_finder.cli._findings_table import _conclusion
from vfx_finder.domain.finding import FILM_SUSPECTED
from vfx_finder.domain.spine import Level


def told(flags: dict[Level, tuple[str, ...]]) -> str:
    console = Console(width=400)
    with console.capture() as shown:
        console.print(_conclusion(replace(spines.film(flags), seconds={"total": 3.0})))
    return shown.get()


def test_a_suspicion_is_told_with_its_loss_and_without_a_grade() -> None:
    line = told({Level.T12: (FILM_SUSPECTED,)})
    assert line.startswith("Radiograph (X-ray), research:")
    assert "Please look at: T12 (measured loss " in line
    assert "not graded" in line
    assert "grade 2" not in line


def test_a_film_without_a_suspicion_is_not_called_free_of_fracture() -> None:
    line = told({})
    assert "Please look at: nothing." in line
    assert "Does not exclude fracture." in line
