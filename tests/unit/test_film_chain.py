"""Of everything that looks like a body on a film, only what makes a spine is kept."""

from dataclasses import replace

import numpy as np

from pipelines.steps.film_chain import Spot, best_chain


def spot(row: float, col: float = 100.0, *, rank: float, heat: float = 0.9, size: float = 25.0) -> Spot:
    half = size / 2
    corners = np.array([[row - half, col - half], [row - half, col + half], [row + half, col - half],
                        [row + half, col + half]])  # fmt: skip
    return Spot((row, col), corners, rank, heat)


def column(count: int = 8) -> list[Spot]:
    return [spot(50 + 32 * n, rank=12.0 + n) for n in range(count)]


def test_a_plain_column_is_kept_whole_from_head_to_foot() -> None:
    spots = column()
    assert best_chain(spots[::-1]).spots == tuple(spots)


def test_a_rib_beside_the_column_is_left_out() -> None:
    spots = column()
    chain = best_chain([*spots, spot(150, 190, rank=15, heat=0.5, size=12)])
    assert chain.spots == tuple(spots)


def test_a_missed_body_does_not_end_the_chain() -> None:
    gapped = [one for n, one in enumerate(column()) if n != 3]
    assert best_chain(gapped).spots == tuple(gapped)


def test_bodies_set_off_behind_the_spine_are_left_out_however_sure_they_are() -> None:
    """Ends of ribs and shoulder blades look like bodies, but no spine steps back by half a body and forth again."""
    spots = column()
    behind = [spot(spots[n].centre[0], 114.0, rank=spots[n].rank, heat=1.0) for n in (3, 4)]
    kept = [one for n, one in enumerate(spots) if n not in (3, 4)]
    assert best_chain([*kept, *behind]).spots == tuple(kept)


def test_a_curved_spine_is_kept_whole() -> None:
    """A kyphosis of 60 degrees over eight bodies: each leans as the step to the next does."""
    spots, at = [], np.array([50.0, 100.0])
    for n in range(8):
        lean = np.radians(-30 + 60 * n / 7)
        turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
        box = spot(0.0, 0.0, rank=12.0 + n)
        spots.append(Spot((at[0], at[1]), box.corners @ turn.T + at, box.rank, 0.6))
        at = at + 32 * np.array([np.cos(lean + np.radians(30 / 7)), -np.sin(lean + np.radians(30 / 7))])
    assert best_chain(spots).spots == tuple(spots)


def test_a_frayed_piece_far_below_is_no_vertebra() -> None:
    spots = column()
    stray = replace(spot(560, 130, rank=21, heat=0.35, size=14), solid=0.5)
    assert best_chain([*spots, stray]).spots == tuple(spots)


def test_nothing_makes_no_chain() -> None:
    assert best_chain([]).spots == ()
