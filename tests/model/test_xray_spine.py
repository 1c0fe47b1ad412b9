"""The xray_spine bundle as shipped: unchanged weights, asked for and not installed, and what it reads on films."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models import catalogue
from models.film_runner import XraySpine
from models.networks import StripNet
from models.synthesis.film_validation import write_films
from models.training.start import strip_from_section
from pipelines.evaluation.film_scores import film_scores
from pipelines.evaluation.films import film_result, film_truths
from pipelines.film import RESEARCH, analyse_films
from vfx_finder.domain.finding import SCALE_ESTIMATED
from vfx_finder.domain.study import Reason

EASY = (4, 8, 11)
"""Three frozen films whose spines are in plain sight."""


@pytest.fixture(scope="module")
def model() -> XraySpine:
    torch.set_num_threads(1)
    return catalogue.load_films("cpu")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_films(EASY, tmp_path_factory.mktemp("films"))


def test_the_weights_are_those_of_the_card_and_small() -> None:
    assert catalogue.check("xray_spine").version == catalogue.card("xray_spine")["version"]
    files = [catalogue.SHELF / "xray_spine" / "models" / name for name in catalogue.WEIGHTS["xray_spine"]]
    assert sum(file.stat().st_size for file in files) <= 15_000_000


def test_strips_start_from_the_fine_network_of_ct() -> None:
    net = StripNet()
    net.load_state_dict(strip_from_section())
    image = torch.zeros(1, 2, 32, 32)
    with torch.inference_mode():
        before = net(image)
        image[:, 0] = 1.0
        assert torch.equal(net(image), before)


def test_plain_films_are_read_and_no_vertebra_is_graded(films: Path, model: XraySpine) -> None:
    truths = film_truths(films)
    scores = film_scores([film_result(truth, lambda paths: analyse_films(paths, model))[0] for truth in truths])
    assert scores.refused == 0
    assert scores.recall_lower.value is not None
    assert scores.recall_lower.value >= 0.9
    assert scores.level_right.value == 1.0
    assert scores.corner_error.value is not None
    assert scores.corner_error.value <= 0.12
    analysis = analyse_films([truths[0].film], model)
    assert analysis.modality == "DX"
    assert analysis.picture is not None
    assert all(found.grade is None for found in analysis.findings)
    assert all({RESEARCH, SCALE_ESTIMATED} <= set(found.vertebra.flags) for found in analysis.findings)


def test_the_same_film_gets_the_same_answer(films: Path, model: XraySpine) -> None:
    film = film_truths(films)[0].film
    first, second = (analyse_films([film], model) for _ in range(2))
    assert first.findings == second.findings


def test_noise_and_an_empty_film_are_no_lateral_spine(model: XraySpine, tmp_path: Path) -> None:
    noise = np.random.default_rng(4).uniform(0, 255, (600, 400))
    ramp = np.tile(np.linspace(0, 255, 400), (600, 1))
    for name, picture in (("noise.png", noise), ("ramp.png", ramp)):
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / name)
        analysis = analyse_films([tmp_path / name], model)
        assert analysis.unsuitable is not None, name
        assert analysis.unsuitable.reason is Reason.NOT_LATERAL_SPINE
        assert analysis.patient is None
