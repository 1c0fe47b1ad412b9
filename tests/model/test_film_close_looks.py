"""What the network for close looks is taught: six points where they are drawn, and which places show a body."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.film_picture import prepared
from models.film_runner import placed
from models.networks import FilmLookNet
from models.synthesis.film import LAYERS, Film, FilmVertebra
from models.synthesis.film_looks import HEIGHT_PX, SIZE, Place, draw_film_look, look_at, six, size_of
from models.synthesis.film_wear import worn
from models.training.points import POINT_SD_PX, film_look_loss, points_loss
from models.training.start import close_from_strip

UP = 34.0
"""Film rows from one centre to the next."""


def vertebra(row: float, name: str, kind: str = "body") -> FilmVertebra:
    """A box of 24 rows by 30 columns round (row, 100), its corners exactly known."""
    at = np.linspace(85.0, 115.0, 13)
    upper, lower = (np.stack([np.full(13, row + half), at], 1) for half in (-12.0, 12.0))
    outline = np.concatenate([upper, lower[::-1]])
    return FilmVertebra(name, kind, 10.0, upper, lower, outline, np.array([row, 100.0]), (19.2,) * 3, 0.0, None, None)


@pytest.fixture
def film() -> Film:
    rows = 60 + UP * np.arange(5)
    spine = [vertebra(row, f"T{n + 5}") for n, row in enumerate(rows)]
    layers = torch.zeros(len(LAYERS), 300, 200)
    return Film(layers, 0.8, (*spine, vertebra(rows[-1] + UP, "S1", "sacrum")), (20.0, 100.0), "lateral")


def picture(film: Film) -> Tensor:
    shown = torch.full((300, 200), 0.3)
    for v in film.vertebrae:
        row = round(float(v.centre[0]))
        shown[row - 12 : row + 12, 85:115] = 0.8
    return shown + 0.02 * torch.randn(300, 200, generator=torch.Generator().manual_seed(1))


def place(row: float, bend: tuple[float, float] = (0.0, 0.0)) -> Place:
    return Place(np.array([row, 100.0]), np.eye(2) * size_of(six(vertebra(row, "T7"))) / HEIGHT_PX, bend)


def test_a_grid_and_its_film_agree_on_every_point_however_it_is_bent() -> None:
    bent = place(128.0, (0.2, 0.1))
    rows, cols = bent.film()
    shown = np.array([[float(rows[v, u]), float(cols[v, u])] for v, u in ((20, 30), (61, 55), (40, 12))])
    assert bent.into(shown) == pytest.approx(np.array([(20, 30), (61, 55), (40, 12)], float), abs=1e-3)


def test_a_bent_body_is_lower_at_the_front_by_what_was_asked_for() -> None:
    points = place(128.0, (0.2, 0.0)).into(six(vertebra(128.0, "T7")))
    front, back = (points[n + 3, 0] - points[n, 0] for n in (0, 2))
    assert front / back == pytest.approx(1 - 0.2, abs=0.03)


def test_a_body_in_the_middle_is_there_and_the_disc_and_the_sacrum_are_none(film: Film) -> None:
    blank = torch.zeros(SIZE, SIZE)
    body, disc = look_at(blank, film, place(60 + 2 * UP)), look_at(blank, film, place(60 + 2.5 * UP))
    last = look_at(blank, film, place(60 + 5 * UP))
    assert body.here.tolist() == [1.0, 0.0]
    assert disc.here[0] == 0.0
    assert last.here.tolist() == [0.0, 1.0]
    assert float(last.known) == 0.0
    grown = HEIGHT_PX / size_of(six(film.vertebrae[0]))
    assert float(body.own.sum()) == pytest.approx(24 * 30 * grown**2, rel=0.03)


@pytest.mark.parametrize(("loss", "broken"), [(0.0, 0.0), (0.12, 0.0), (0.17, 0.5), (0.3, 1.0)])
def test_a_body_counts_as_broken_from_where_readers_see_grade_2(film: Film, loss: float, broken: float) -> None:
    lost = replace(film.vertebrae[2], loss=loss)
    bodies = (*film.vertebrae[:2], lost, *film.vertebrae[3:])
    look = look_at(torch.zeros(SIZE, SIZE), replace(film, vertebrae=bodies), place(60 + 2 * UP))
    assert float(look.broken) == pytest.approx(broken, abs=1e-6)


def test_a_body_at_half_its_size_is_no_body_found(film: Film) -> None:
    wrong = Place(np.array([60 + 2 * UP, 100.0]), place(0.0).steps * 2)
    look = look_at(torch.zeros(SIZE, SIZE), film, wrong)
    assert (look.here[0], float(look.told)) == (0.0, 1.0)


def test_the_points_of_a_drawn_look_lie_on_the_edges_that_it_shows(film: Film) -> None:
    rng, shown = np.random.default_rng(5), picture(film)
    looks = [draw_film_look(shown, film, rng) for _ in range(60)]
    centred = [look for look in looks if look.here[0] > 0]
    assert 15 < len(centred) < 60
    for look in centred:
        inside = look.own[0] > 0.99
        assert float(look.picture[0][inside].mean()) > 0.7


def test_wear_changes_a_look_and_keeps_it_a_picture() -> None:
    shown = torch.rand(4, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    once, again = (worn(shown, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(once, again)
    assert float(once.min()) >= 0.0
    assert float(once.max()) <= 1.0
    assert float((once - shown).abs().mean()) > 0.02


def test_a_map_is_read_where_it_is_strongest_and_its_spread_is_told() -> None:
    rows, cols = torch.arange(SIZE)[:, None], torch.arange(SIZE)
    logits = -((rows - 30.3) ** 2 + (cols - 51.6) ** 2) / (2 * POINT_SD_PX**2)
    points, variance = placed(logits[None, None])
    assert points[0, 0].tolist() == pytest.approx([30.3, 51.6], abs=0.05)
    assert variance[0, 0].tolist() == pytest.approx([POINT_SD_PX**2] * 2, rel=0.05)


def test_maps_at_the_right_places_cost_nothing_and_others_do() -> None:
    rows, cols = torch.arange(SIZE)[:, None], torch.arange(SIZE)
    logits = (-((rows - 30.0) ** 2 + (cols - 50.0) ** 2) / (2 * POINT_SD_PX**2)).expand(1, 6, SIZE, SIZE)
    right, wrong = torch.tensor([[[30.0, 50.0]] * 6]), torch.tensor([[[34.0, 50.0]] * 6])
    known = torch.ones(1, 1)
    assert float(points_loss(logits, right, known)) == pytest.approx(0.0, abs=1e-3)
    assert float(points_loss(logits, wrong, known)) > 1.0
    assert float(points_loss(logits, wrong, torch.zeros(1, 1))) == 0.0


def test_a_few_steps_on_one_batch_lower_every_part_of_the_loss(film: Film) -> None:
    torch.manual_seed(4)
    rng, shown = np.random.default_rng(6), picture(film)
    looks = [draw_film_look(shown, film, rng) for _ in range(6)]
    batch = {k: torch.stack([getattr(look, k) for look in looks]) for k in vars(looks[0])}
    net = FilmLookNet()
    net.load_state_dict(close_from_strip())
    steps = torch.optim.AdamW(net.parameters(), lr=2e-3)
    seen = []
    for _ in range(12):
        parts = film_look_loss(net(prepared(batch["picture"][:, 0])), batch)
        steps.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        steps.step()
        seen.append({k: float(v.detach()) for k, v in parts.items()})
    assert seen[-1]["points"] < 0.9 * seen[0]["points"]
    assert seen[-1]["own"] < seen[0]["own"]
    assert seen[-1]["broken"] < seen[0]["broken"]
