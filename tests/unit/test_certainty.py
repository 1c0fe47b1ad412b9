"""Nothing is said to be surer than can be measured, wherever it is said."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import spines
from vfx_finder.domain.certainty import percent, stated
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.spine import Level, LevelEstimate
from vfx_finder.domain.told import told


@pytest.mark.parametrize(
    ("probability", "words"),
    [(0.0, "0 %"), (1e-9, "1 %"), (0.004, "1 %"), (0.5, "50 %"), (0.994, "99 %"), (0.9999, "99 %"), (1.0, "99 %")],
)
def test_between_one_and_ninety_nine(probability: float, words: str) -> None:
    assert percent(probability) == words


@given(st.floats(0, 1), st.floats(0, 1))
def test_what_is_likelier_is_never_said_to_be_less_likely(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert stated(low) <= stated(high)


def sure(analysis: Analysis) -> Analysis:
    """The same with a vertebra of which nothing is in doubt."""
    return replace(analysis, findings=tuple(replace(one, probability_grade2plus=0.99997) for one in analysis.findings))


def test_a_vertebra_stops_where_its_patient_stops() -> None:
    """In every result that goes out, and on the page."""
    from vfx_finder.reading.draft import proposed
    from vfx_finder.reading.page import shown_rows

    found = sure(spines.analysis({Level.L1: 3}))
    assert {one.probability for one in told(found, None)} == {0.99}
    assert {row.probability for row in shown_rows(proposed(found.findings))} <= {"99 %", "–"}


def test_a_level_too() -> None:
    assert LevelEstimate(Level.L1, 0.6, {Level.T12: 0.4, Level.L2: 0.001}).others == "or T12 (40 %) or L2 (1 %)"


def test_the_command_line_says_the_same() -> None:
    from rich.console import Console

    from vfx_finder.cli._findings_table import rendered

    console = Console(width=200)
    with console.capture() as said:
        console.print(rendered("study", sure(spines.analysis({Level.L1: 3}))))
    assert "0.99" in said.get()
    assert "1.00" not in said.get()
    assert "100" not in said.get()
