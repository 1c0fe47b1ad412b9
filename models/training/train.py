"""Train one network of a bundle from synthetic samples alone; resumable; a curve and checkpoints on the way."""

import csv
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from models.film_picture import prepared
from models.networks import BlockNet, FilmLookNet, FilmNet, KindNet, LookNet, SectionNet, StripNet
from models.normalise import normalise
from models.synthesis.film_wear import worn
from models.training.losses import loss
from models.training.points import film_look_loss
from models.training.samples import PER_TRUNK, Sample, Stream, Task
from models.training.start import close_from_strip, strip_from_section
from models.view_net import ViewNet

SAVE_SECONDS = 120.0


@dataclass(frozen=True)
class Plan:
    """How one network is trained. `fresh` new samples enter the replay buffer per step of `batch` samples."""

    kind: str
    steps: int
    batch: int
    fresh: int
    buffer: int
    rate: float = 2e-3
    seed: int = 20261121
    workers: int = 1


PLANS = {
    "section": Plan("section", steps=3250, batch=12, fresh=4, buffer=1200),
    "look": Plan("look", steps=5200, batch=12, fresh=3, buffer=1500),
    "block": Plan("block", steps=4150, batch=4, fresh=2, buffer=240),
    "kind": Plan("kind", steps=1900, batch=16, fresh=5, buffer=6000),
    "film": Plan("film", steps=2400, batch=8, fresh=3, buffer=500),
    "strip": Plan("strip", steps=2400, batch=8, fresh=3, buffer=1000),
    "close": Plan("close", steps=13200, batch=20, fresh=8, buffer=6000),
    "view": Plan("view", steps=2000, batch=32, fresh=4, buffer=2500),
}
PREPARED = frozenset({"film", "strip", "view"})
"""Kinds whose images need no scaling of Hounsfield units."""


NETWORKS: dict[str, type[nn.Module]] = {"section": SectionNet, "look": LookNet, "block": BlockNet, "kind": KindNet,
                                       "film": FilmNet, "strip": StripNet, "close": FilmLookNet,
                                       "view": ViewNet}  # fmt: skip


def network(kind: str) -> nn.Module:
    """A fresh network of this kind."""
    return NETWORKS[kind]()


def _laid_out(net: nn.Module, kind: str) -> nn.Module:
    """Volumes run a quarter quicker on a CPU with the channels last; sections run slower so."""
    if kind in ("block", "kind"):
        for parameter in net.parameters():
            if parameter.ndim == 5:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last_3d)
    return net


class Average:
    """An exponential moving average of a network's weights, quick at first."""

    def __init__(self, net: nn.Module) -> None:
        self.weights = {k: v.detach().clone() for k, v in net.state_dict().items()}

    def update(self, net: nn.Module, step: int) -> None:
        keep = min(0.998, (step + 1) / (step + 20))
        for k, v in net.state_dict().items():
            self.weights[k].lerp_(v.detach(), 1 - keep) if v.is_floating_point() else self.weights[k].copy_(v)


def learning_rate(plan: Plan, step: int) -> float:
    """Warm-up over 100 steps, then a cosine to one hundredth."""
    warm = min(1.0, (step + 1) / 100)
    return float(plan.rate * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * min(1.0, step / plan.steps)))))


def _batch(buffer: list[Sample], plan: Plan, step: int, device: torch.device) -> Sample:
    rng = np.random.default_rng([plan.seed, 7, step])
    newest = list(range(max(0, len(buffer) - plan.fresh), len(buffer)))
    chosen = newest + rng.integers(0, len(buffer), plan.batch - len(newest)).tolist()
    stacked = {k: torch.stack([buffer[i][k] for i in chosen]).to(device).float() for k in buffer[0]}
    if plan.kind == "block" and rng.random() < 0.5:
        stacked = {k: v.flip(-1) for k, v in stacked.items()}
    return stacked


def _step(net: nn.Module, batch: Sample, plan: Plan) -> dict[str, Tensor]:
    if plan.kind == "close":
        return _close_step(net, batch)
    image = batch["image"] if plan.kind in PREPARED else normalise(batch["image"])
    with torch.autocast(image.device.type, dtype=torch.bfloat16, enabled=image.device.type == "cuda"):
        out = cast(BlockNet, net).at_half(image) if plan.kind == "block" else net(image)
    return loss(plan.kind, out.float(), _halved(batch) if plan.kind == "block" else batch)


def _close_step(net: nn.Module, batch: Sample) -> dict[str, Tensor]:
    """Close looks are worn anew each time they come from the buffer; torch's own seed decides how."""
    image = prepared(worn(batch["picture"], torch.default_generator)[:, 0])
    with torch.autocast(image.device.type, dtype=torch.bfloat16, enabled=image.device.type == "cuda"):
        maps, said = net(image)
    return film_look_loss((maps.float(), said.float()), batch)


def _halved(batch: Sample) -> Sample:
    """Block targets at 8 mm: shares and heat averaged, the level and where it counts taken from the strongest voxel."""
    pooled = {k: nn.functional.avg_pool3d(batch[k], 2) for k in ("tissue", "heat")}
    return pooled | {k: nn.functional.max_pool3d(batch[k], 2) for k in ("level", "inside")}


def train(plan: Plan, folder: Path, report: Callable[[int, float], None], seconds: float = float("inf")) -> Path:
    """Train until `plan.steps` or `seconds` have passed; returns the checkpoint, from which a later call goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, device = folder / f"{plan.kind}.ckpt.pt", torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(plan.seed)
    net = _laid_out(network(plan.kind).to(device), plan.kind)
    if plan.kind == "strip":
        net.load_state_dict(strip_from_section())
    if plan.kind == "close":
        net.load_state_dict(close_from_strip())
    optimiser = torch.optim.AdamW(net.parameters(), lr=plan.rate, weight_decay=1e-4)
    average, step = Average(net), 0
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        average.weights, step = saved["average"], saved["step"]
    stream = Stream(Task(plan.kind, plan.seed, step * plan.fresh // PER_TRUNK[plan.kind] + 1, folder / "films"))
    loader = iter(
        DataLoader(stream, batch_size=None, num_workers=plan.workers, prefetch_factor=8 if plan.workers else None)
    )
    buffer = [next(loader) for _ in range(2 * plan.batch)]
    began = saved_at = time.monotonic()
    while step < plan.steps and time.monotonic() - began < seconds:
        buffer += [next(loader) for _ in range(plan.fresh)]
        buffer = buffer[-plan.buffer :]
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(plan, step)
        parts = _step(net, _batch(buffer, plan, step, device), plan)
        total = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        average.update(net, step)
        step += 1
        _log(folder / f"{plan.kind}.curve.csv", step, {k: float(v.detach()) for k, v in parts.items()})
        report(step, float(total.detach()))
        if time.monotonic() - saved_at > SAVE_SECONDS:
            _save(checkpoint, net, optimiser, (average, step, plan))
            saved_at = time.monotonic()
    _save(checkpoint, net, optimiser, (average, step, plan))
    return checkpoint


def _log(path: Path, step: int, parts: dict[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", *parts])
        writer.writerow([step, *(f"{v:.5f}" for v in parts.values())])


def _save(path: Path, net: nn.Module, optimiser: torch.optim.Optimizer, state: tuple[Average, int, Plan]) -> None:
    average, step, plan = state
    partial = path.with_suffix(".part")
    content = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average.weights, "step": step}
    torch.save(content | {"plan": asdict(plan)}, partial)
    partial.replace(path)
