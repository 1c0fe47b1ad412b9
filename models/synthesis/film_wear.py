"""What may lie over or be done to a close look at a film: tone, haze, ribs, wires, blur, noise. Cheap, many at once."""

import torch
import torch.nn.functional as F
from torch import Tensor

from models.synthesis.scanner import gaussian


def worn(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """Pictures [B, 1, H, W] (grey 0..1), each changed in its own way, as far as films differ and not the spine."""
    pictures = _textured(_banded(pictures + _haze(pictures, draw), draw), draw)
    pictures = _resolved(_toned(pictures, draw), draw)
    return _wired(pictures, draw).clamp(0, 1)


def _uniform(pictures: Tensor, draw: torch.Generator, low: float, high: float) -> Tensor:
    made = torch.rand(len(pictures), 1, 1, 1, generator=draw) * (high - low) + low
    return made.to(pictures.device)


def _some(pictures: Tensor, draw: torch.Generator, share: float) -> Tensor:
    return (torch.rand(len(pictures), 1, 1, 1, generator=draw) < share).to(pictures)


def _haze(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """A slope across the picture and broad patches."""
    size = pictures.shape[-2:]
    patches = F.interpolate(torch.randn(len(pictures), 1, 5, 5, generator=draw), size, mode="bicubic")
    slope = torch.randn(len(pictures), 2, 1, 1, generator=draw)
    at = [torch.linspace(-1, 1, n) for n in size]
    made = 0.12 * (slope[:, :1] * at[0][:, None] + slope[:, 1:] * at[1]) + patches * 0.06
    return made.to(pictures.device) * _uniform(pictures, draw, 0, 1)


def _lines(pictures: Tensor, draw: torch.Generator, bent: float) -> Tensor:
    """Signed distance (pixels) of every pixel from a random line through each picture [B, 1, H, W]."""
    batch, _, height, width = pictures.shape
    turn = torch.rand(batch, 1, 1, 1, generator=draw) * torch.pi
    rows = torch.arange(height)[:, None] - torch.rand(batch, 1, 1, 1, generator=draw) * height
    cols = torch.arange(width) - torch.rand(batch, 1, 1, 1, generator=draw) * width
    along, away = rows * turn.sin() + cols * turn.cos(), cols * turn.sin() - rows * turn.cos()
    bend = torch.randn(batch, 1, 1, 1, generator=draw) * bent
    return (away + bend * along**2).to(pictures.device)


def _banded(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """Edges of ribs, shoulder blades, domes and vessels: bands with a brighter rim, and steps."""
    for _ in range(3):
        away, wide = _lines(pictures, draw, 0.004), _uniform(pictures, draw, 2, 9)
        soft = _uniform(pictures, draw, 0.6, 3)
        inside = torch.sigmoid((wide - away.abs()) / soft)
        rim = torch.exp(-(((away.abs() - wide) / (soft + 0.6)) ** 2))
        strength = _uniform(pictures, draw, -0.06, 0.13) * _some(pictures, draw, 0.45)
        pictures = pictures + strength * (inside + _uniform(pictures, draw, 0, 0.8) * rim)
    dome = torch.sigmoid(_lines(pictures, draw, 0.008) / _uniform(pictures, draw, 0.6, 2.5))
    pressed = 1 - _uniform(pictures, draw, 0, 0.6)
    covered = pictures * (1 - dome) + dome * (1 - (1 - pictures) * pressed)
    return torch.where(_some(pictures, draw, 0.2) > 0, covered, pictures)


def _textured(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """The net of lung vessels, trabeculae, bowel: patches of two sizes."""
    for size in (0.9, 2.2):
        noise = torch.randn(pictures.shape, generator=draw).to(pictures.device)
        patches = gaussian(gaussian(noise, size, 2), size, 3) * (3.5 * size)
        pictures = pictures + patches * _uniform(pictures, draw, 0, 0.035) * _some(pictures, draw, 0.5)
    return pictures


def _toned(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """Another gamma, another window: contrast from half to twice, bright and dark parts pressed together."""
    bent = pictures.clamp(1e-3, 1) ** torch.exp(_uniform(pictures, draw, -0.4, 0.5))
    middle = bent.mean((2, 3), keepdim=True)
    contrast = torch.exp(_uniform(pictures, draw, -0.7, 0.8))
    return (bent - middle) * contrast + (middle + _uniform(pictures, draw, -0.15, 0.15)).clamp(0.15, 0.85)


def _wired(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """The crossed wires of a cassette in most, and bright edges, often double, in some."""
    some, reach = _some(pictures, draw, 0.6), _uniform(pictures, draw, 0.8, 1.7)
    step, turn = _uniform(pictures, draw, 24, 60), _uniform(pictures, draw, -0.8, 0.8)
    strength = _uniform(pictures, draw, 0.02, 0.22) * some
    rows, cols = (torch.arange(n, device=pictures.device) - n / 2 for n in pictures.shape[-2:])
    for sine, cosine in ((turn.sin(), turn.cos()), (turn.cos(), -turn.sin())):
        at = rows[:, None] * cosine + cols * sine + _uniform(pictures, draw, 0, 60)
        away = (at % step - step / 2).abs()
        pictures = pictures + strength * (1 - away / reach).clamp_min(0)
    away, apart = _lines(pictures, draw, 0.0003), _uniform(pictures, draw, 0, 5)
    edge = (1 - (away.abs() - apart).abs() / reach).clamp_min(0) * _some(pictures, draw, 0.2)
    return pictures + edge * _uniform(pictures, draw, -0.2, 0.5)


def _resolved(pictures: Tensor, draw: torch.Generator) -> Tensor:
    """Blurred or sharpened, then noise of a grain of its own."""
    fine, broad = (gaussian(gaussian(pictures, sd, 2), sd, 3) for sd in (0.8, 1.8))
    amount = _uniform(pictures, draw, -1.5, 1)
    blurred = torch.where(amount < 0.4, fine, broad)
    pictures = torch.where(amount > 0, pictures + amount * (blurred - pictures), pictures + amount * (fine - pictures))
    noise = torch.randn(pictures.shape, generator=draw).to(pictures.device)
    grain = gaussian(gaussian(noise, 0.8, 2), 0.8, 3) * 2.5
    mixed = torch.where(_some(pictures, draw, 0.5) > 0, grain, noise)
    return pictures + mixed * _uniform(pictures, draw, 0, 0.03)
