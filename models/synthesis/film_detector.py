"""What a detector and its picture processing make of a film: kilovolts, scatter, noise, tone, seams, marks."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.synthesis.film import Film
from models.synthesis.scanner import gaussian

COARSE = 3
"""The whole film is exposed at this many pixels of the projection in one."""

WATER_PER_MM = 0.0195

MOTTLE_MM = (5.0, 10.0, 22.0)


@dataclass(frozen=True)
class Exposure:
    """How one film was taken and processed. `weights` of the five layers (neper per mm of water); `scatter` as a share
    of the primary rays and its reach (mm); `photons` per pixel of 1 mm in free air; `flatten`: how much of the large
    differences is taken away, over `reach_mm`; `sharpen`; `gamma`; `black`, `white`: quantiles that are clipped;
    `knee`: how much the brightest parts are pressed together; `ceiling`: the grey of the densest tissue;
    `mottle`: SD (neper) of what vessels, bowel and skin folds add, in patches of each of `MOTTLE_MM`."""

    weights: tuple[float, ...]
    scatter: float
    scatter_mm: float
    photons: float
    flatten: float
    reach_mm: float
    sharpen: float
    gamma: float
    black: float
    white: float
    knee: float
    ceiling: float
    mottle: tuple[float, float, float]
    seed: int


def draw_exposure(rng: np.random.Generator) -> Exposure:
    """A random exposure, from flat and clean to burnt, noisy and over-processed."""
    mu, bone = WATER_PER_MM * rng.uniform(0.7, 1.1), rng.uniform(2.2, 9.0)
    weights = (
        1.0,
        bone * rng.uniform(0.8, 1.3),
        bone * rng.uniform(0.2, 1.0),
        rng.uniform(0.5, 1.5),
        rng.uniform(1.5, 5),
    )
    return Exposure(
        weights=tuple(float(mu * w) for w in weights),
        scatter=float(rng.uniform(0.05, 0.8)),
        scatter_mm=float(rng.uniform(25, 70)),
        photons=float(np.exp(rng.uniform(np.log(6e4), np.log(3e6)))),
        flatten=float(rng.uniform(0.0, 0.5) if rng.random() < 0.3 else rng.uniform(0.5, 0.95)),
        reach_mm=float(rng.uniform(30, 110)),
        sharpen=float(rng.uniform(0, 1.2) if rng.random() < 0.6 else 0.0),
        gamma=float(rng.uniform(0.55, 1.4)),
        black=float(rng.uniform(0.0, 0.06)),
        white=float(rng.uniform(0.97, 1.0)),
        knee=float(rng.uniform(0.3, 2.5) if rng.random() < 0.6 else 0.01),
        ceiling=float(rng.uniform(0.7, 1.0)),
        mottle=_mottle(rng),
        seed=int(rng.integers(2**31)),
    )


def _mottle(rng: np.random.Generator) -> tuple[float, float, float]:
    strength = float(np.exp(rng.uniform(np.log(0.01), np.log(0.14))))
    fine, middle, broad = (float(strength * share) for share in rng.uniform(0.3, 1.2, 3))
    return fine, middle, broad


class Exposed:
    """A film under one exposure: the whole at `coarse_mm`, and any patch of it at any scale, processed alike."""

    def __init__(self, film: Film, exposure: Exposure) -> None:
        self.film, self.exposure = film, exposure
        weights = torch.tensor(exposure.weights, device=film.layers.device)[:, None, None]
        depth = (film.layers * weights).sum(0)
        self._noise = torch.Generator(device="cpu").manual_seed(exposure.seed)
        self._depth = (depth + self._mottle(depth)).clamp_min(0.0)
        small = F.avg_pool2d(self._depth[None, None], COARSE, ceil_mode=True)[0, 0]
        self.coarse_mm = film.pixel_mm * COARSE
        primary = torch.exp(-small)
        fog = _blurred(primary.clamp_max(0.03), exposure.scatter_mm / self.coarse_mm)
        self._fog = exposure.scatter * fog + 1e-5
        clean = -torch.log(primary + self._fog)
        self._background = _blurred(clean, exposure.reach_mm / self.coarse_mm)
        flat = self._flattened(self._read(small, self._fog, self.coarse_mm), self._background)
        seen = flat[small > 0.2] if bool((small > 0.2).any()) else flat
        low, high = torch.quantile(seen[:: max(1, len(seen) // 20000)], torch.tensor([exposure.black, exposure.white]))
        self._low, self._span = float(low), max(0.2, float(high - low))
        self.coarse = self._toned(flat, self.coarse_mm)

    def patch(self, rows: Tensor, cols: Tensor, pixel_mm: float) -> Tensor:
        """The picture at points (row, col of the film) [H, W] that lie `pixel_mm` apart; grey 0 to 1."""
        step = max(1, round(pixel_mm / self.film.pixel_mm))
        depth = self._depth[None, None]
        depth = F.avg_pool2d(depth, step, 1, step // 2, count_include_pad=False) if step > 1 else depth
        here = torch.stack([_sampled(depth[0, 0], rows, cols)])[0]
        coarse = ((rows - 1) / COARSE, (cols - 1) / COARSE)
        fog, background = _sampled(self._fog, *coarse), _sampled(self._background, *coarse)
        return self._toned(self._flattened(self._read(here, fog, pixel_mm), background), pixel_mm)

    def _mottle(self, depth: Tensor) -> Tensor:
        """Patchy overlay in the body, none in air."""
        made = torch.zeros_like(depth)
        for size, strength in zip(MOTTLE_MM, self.exposure.mottle, strict=True):
            cells = [max(2, round(n * self.film.pixel_mm / size * 2)) for n in depth.shape]
            field = torch.randn((1, 1, cells[0], cells[1]), generator=self._noise).to(depth.device)
            made += strength * F.interpolate(field, size=depth.shape, mode="bicubic")[0, 0]
        return made * (depth / 1.5).clamp_max(1.0)

    def _read(self, depth: Tensor, fog: Tensor, pixel_mm: float) -> Tensor:
        """The logarithm of what reaches the detector, with quantum noise."""
        signal = torch.exp(-depth) + fog
        noise = torch.randn(signal.shape, generator=self._noise).to(signal.device)
        noise = gaussian(gaussian(noise, 0.5, 0), 0.5, 1) * 1.8
        signal = signal + noise * (signal / self.exposure.photons).sqrt() / pixel_mm
        return -torch.log(signal.clamp_min(1e-5))

    def _flattened(self, grey: Tensor, background: Tensor) -> Tensor:
        return grey - self.exposure.flatten * background

    def _toned(self, grey: Tensor, pixel_mm: float) -> Tensor:
        if self.exposure.sharpen and pixel_mm < 2:
            grey = grey + self.exposure.sharpen * (grey - _blurred(grey, 1.5 / pixel_mm))
        return toned(((grey - self._low) / self._span).clamp(0, 1), self.exposure)


def toned(level: Tensor, exposure: Exposure) -> Tensor:
    """Grey (0..1) of densities 0 to 1: the brightest pressed together, bent, and ending at the ceiling."""
    pressed = torch.expm1(-exposure.knee * level) / float(np.expm1(-exposure.knee))
    shown: Tensor = pressed**exposure.gamma * exposure.ceiling
    return shown


def _blurred(picture: Tensor, sigma: float) -> Tensor:
    return gaussian(gaussian(picture, sigma, 0), sigma, 1)


def _sampled(picture: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Bilinear values of `picture` at (row, col) points; zero-order beyond its edge."""
    height, width = picture.shape
    grid = torch.stack([2 * cols / (width - 1) - 1, 2 * rows / (height - 1) - 1], -1)[None].float()
    return F.grid_sample(picture[None, None], grid, align_corners=True, padding_mode="border")[0, 0]


def graticule(picture: Tensor, rows: Tensor, cols: Tensor, mm: float, rng: np.random.Generator) -> Tensor:
    """The thin crossed wires of a cassette over a picture of the film points (row, col), `mm` apart. A wire thinner
    than a pixel of the picture is fainter, but unbroken."""
    step, wide = rng.uniform(30, 80) / mm, rng.uniform(0.6, 1.6)
    pixel = float(torch.hypot(rows[1, 0] - rows[0, 0], cols[1, 0] - cols[0, 0]))
    reach = max(wide, pixel)

    def wires(at: Tensor) -> Tensor:
        away = ((at - float(rng.uniform(0, step))) % step - step / 2).abs()
        return (1 - away / reach).clamp_min(0.0)

    shown = torch.maximum(wires(rows), wires(cols)) * min(1.0, 1.5 * wide / reach)
    return (picture + shown * float(rng.uniform(0.04, 0.4))).clamp(0, 1)


def marked(picture: Tensor, mm: float, rng: np.random.Generator) -> Tensor:
    """A film's own furniture over it: stitch seam, burnt-in letters, edges of cassettes, collimator, corset bars."""
    picture = picture.clone()
    height, width = picture.shape
    if rng.random() < 0.45:
        _stitch(picture, mm, rng)
    for _ in range(int(rng.integers(0, 4))):
        row, col = int(rng.uniform(0, height - 4)), int(rng.uniform(0, width - 10))
        picture[row : row + int(rng.integers(1, 5)), col : col + int(rng.integers(3, 14))] = float(rng.uniform(0.6, 1))
    if rng.random() < 0.35:
        bars = [int(v) for v in rng.integers(0, max(2, width // 6), 2)]
        fill = float(rng.choice([0.0, 0.0, 1.0, rng.uniform(0, 1)]))
        picture[:, : bars[0]] = fill
        picture[:, width - bars[1] :] = fill
    if rng.random() < 0.35:
        _edges(picture, rng)
    return picture


def _stitch(picture: Tensor, mm: float, rng: np.random.Generator) -> None:
    """Two exposures laid together: another tone below, a step to the side, and mostly a thin bright or dark line."""
    height = picture.shape[0]
    at, shift = int(rng.uniform(0.2, 0.8) * height), int(rng.integers(-2, 3)) if rng.random() < 0.5 else 0
    tone = rng.random() < 0.5
    below = picture[at:] * float(rng.uniform(0.8, 1.1) if tone else 1.0)
    picture[at:] = torch.roll(below + float(rng.uniform(-0.1, 0.15) if tone else 0.0), shift, 1).clamp(0, 1)
    if rng.random() < 0.8:
        line = picture[at : at + max(1, round(2 / mm))]
        line += float(rng.uniform(0.15, 1.0)) * (float(rng.uniform(0.6, 1)) - line)


def _edges(picture: Tensor, rng: np.random.Generator) -> None:
    """Bright lines along the sides where a cassette ends, over the whole length or one exposure of it."""
    height, width = picture.shape
    first, last = (0, height) if rng.random() < 0.4 else sorted(int(v) for v in rng.integers(0, height, 2))
    for side in range(int(rng.integers(1, 3))):
        away = int(rng.integers(0, max(2, width // 6)))
        col = away if side else width - 1 - away
        picture[first:last, col] = float(rng.uniform(0.6, 1))
