"""A film is named by what is on it: whole only where it reaches from the upper chest to the sacrum."""

import pytest

from pipelines.analysis_json import to_document
from pipelines.steps.film_part import part_in_view
from tests.support import spines
from vfx_finder.domain.finding import HEADER_DISAGREES
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level


def levels(first: Level, last: Level) -> tuple[Level, ...]:
    return HEAD_TO_FOOT[HEAD_TO_FOOT.index(first) : HEAD_TO_FOOT.index(last) + 1]


@pytest.mark.parametrize(
    ("first", "last", "has_sacrum", "name"),
    [
        (Level.C3, Level.L5, True, "whole-spine"),
        (Level.T1, Level.L5, False, "whole-spine"),
        (Level.T4, Level.L5, False, "whole-spine"),
        (Level.T5, Level.L5, True, "thoracolumbar"),
        (Level.C3, Level.L4, True, "whole-spine"),
        (Level.C5, Level.L1, False, "cervicothoracic"),
        (Level.C5, Level.L1, True, "cervicothoracic"),
        (Level.C7, Level.L1, False, "thoracic"),
        (Level.T4, Level.T12, False, "thoracic"),
        (Level.T6, Level.L4, False, "thoracolumbar"),
        (Level.T11, Level.L5, True, "lumbar"),
        (Level.L1, Level.L5, True, "lumbar"),
        (Level.C3, Level.C7, False, "cervical"),
        (Level.T11, Level.L2, False, "lumbar"),
        (Level.T8, Level.T12, False, "thoracic"),
        (Level.C5, Level.L3, False, "whole-spine"),
    ],
)
def test_what_a_film_shows_is_named_as_a_radiographer_would(
    first: Level, last: Level, has_sacrum: bool, name: str
) -> None:
    """Half of a region and more is shown, less is only grazed; a sacrum without lumbar bodies above it is none."""
    assert part_in_view(levels(first, last), has_sacrum=has_sacrum) == name


@pytest.mark.parametrize("has_sacrum", [False, True])
def test_every_stretch_of_a_spine_has_a_name(has_sacrum: bool) -> None:
    """A film that could not be named ended its study: C5 to L3 without a sacrum was none of the names."""
    for n, first in enumerate(HEAD_TO_FOOT):
        for last in HEAD_TO_FOOT[n:]:
            assert part_in_view((first, last), has_sacrum=has_sacrum)


def test_bodies_that_were_missed_between_do_not_make_it_another_film() -> None:
    assert part_in_view((Level.C4, Level.T9, Level.L5), has_sacrum=True) == "whole-spine"


def test_the_document_names_the_part_also_where_the_header_says_another_view() -> None:
    """That remark begins with the same letters."""
    flags = (HEADER_DISAGREES, "view-lumbar")
    film = spines.film(dict.fromkeys(Level, flags))
    assert to_document(film)["view"] == "lumbar"
