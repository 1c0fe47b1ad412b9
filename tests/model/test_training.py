"""Training: the loss falls from the first steps, and an interrupted training goes on where it stood."""

import csv
from pathlib import Path

import torch

from models.training.train import Plan, train

TINY = Plan("section", steps=30, batch=4, fresh=1, buffer=12, rate=2e-2, workers=0)


def quiet(step: int, loss: float) -> None:
    """Nobody looks on."""
    assert step > 0
    assert loss == loss


def curve(folder: Path) -> list[float]:
    with (folder / "section.curve.csv").open() as file:
        return [float(row["tissue"]) for row in csv.DictReader(file)]


def test_the_loss_falls_and_training_resumes(tmp_path: Path) -> None:
    """Thirty steps from nothing lower the tissue loss; stopped in between, it goes on from its checkpoint."""
    stopped = Plan(**{**vars(TINY), "steps": 15})
    checkpoint = train(stopped, tmp_path, quiet)
    assert torch.load(checkpoint, weights_only=True)["step"] == 15
    train(TINY, tmp_path, quiet)
    assert torch.load(checkpoint, weights_only=True)["step"] == 30
    losses = curve(tmp_path)
    assert len(losses) == 30
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])


def test_the_second_look_learns_to_tell_its_own_body(tmp_path: Path) -> None:
    """A few steps from nothing lower the second look's edge loss."""
    plan = Plan("look", steps=24, batch=4, fresh=1, buffer=10, rate=2e-2, workers=0)
    train(plan, tmp_path, quiet)
    with (tmp_path / "look.curve.csv").open() as file:
        losses = [float(row["edge"]) for row in csv.DictReader(file)]
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])
