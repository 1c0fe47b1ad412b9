"""What a CT scanner does to the truth: slices, kernels, noise, tables of HU, and a field of view that ends."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Scan:
    """One acquisition: slice thickness and increment (mm), in-plane blur (SD, mm), sharpening, noise SD (HU)."""

    slice_mm: float
    increment_mm: float
    blur_mm: float
    sharpen: float
    noise_hu: float
    noise_blur_mm: float


THIN_TO_THICK = (0.45, 0.35, 0.20)
"""Shares of scans with slices of 0.6 to 1.5, 1.5 to 3.2 and 3.2 to 6 mm."""


def draw_scan(rng: np.random.Generator, thickness: tuple[float, float, float] = THIN_TO_THICK) -> Scan:
    """A random acquisition: slices by the shares of `thickness`; soft to sharp kernels; low to high noise."""
    thick = float(rng.choice([rng.uniform(0.6, 1.5), rng.uniform(1.5, 3.2), rng.uniform(3.2, 6.0)], p=thickness))
    sharp = rng.random() < 0.3
    return Scan(
        slice_mm=thick,
        increment_mm=thick * float(rng.choice([1.0, rng.uniform(0.5, 1.0)])),
        blur_mm=float(rng.uniform(0.25, 0.5) if sharp else rng.uniform(0.4, 1.1)),
        sharpen=float(rng.uniform(0.5, 2.0) if sharp else 0.0),
        noise_hu=float(np.exp(rng.uniform(np.log(6), np.log(110 if sharp else 60)))),
        noise_blur_mm=float(rng.uniform(0.2, 0.5) if sharp else rng.uniform(0.4, 1.2)),
    )


def gaussian(image: Tensor, sigma: float, dim: int) -> Tensor:
    """Blur along one dimension by a Gaussian of SD `sigma` pixels (edge values repeated)."""
    if sigma < 0.15:
        return image
    radius = max(1, int(3 * sigma + 0.5))
    t = torch.arange(-radius, radius + 1, dtype=image.dtype, device=image.device)
    kernel = torch.exp(-0.5 * (t / sigma) ** 2)
    return _along(image, kernel / kernel.sum(), dim)


def box(image: Tensor, width: float, dim: int) -> Tensor:
    """Average along one dimension over `width` pixels (not necessarily whole)."""
    if width <= 1.05:
        return image
    radius = int(np.ceil((width - 1) / 2))
    kernel = torch.ones(2 * radius + 1, dtype=image.dtype, device=image.device)
    kernel[0] = kernel[-1] = (width - (2 * radius - 1)) / 2
    return _along(image, kernel / kernel.sum(), dim)


def _along(image: Tensor, kernel: Tensor, dim: int) -> Tensor:
    moved = image.movedim(dim, -1)
    flat = moved.reshape(-1, 1, moved.shape[-1])
    pad = len(kernel) // 2
    flat = F.conv1d(F.pad(flat, (pad, pad), mode="replicate"), kernel.view(1, 1, -1))
    return flat.reshape(moved.shape).movedim(-1, dim)


def resample(image: Tensor, positions: Tensor, dim: int) -> Tensor:
    """Linear interpolation at fractional `positions` (pixels) along one dimension."""
    n = image.shape[dim]
    positions = positions.clamp(0, n - 1)
    low = positions.floor().long().clamp_max(n - 2) if n > 1 else positions.long()
    part = (positions - low).to(image.dtype)
    shape = [1] * image.ndim
    shape[dim] = -1
    upper = image.index_select(dim, (low + 1).clamp_max(n - 1))
    return image.index_select(dim, low) * (1 - part.view(shape)) + upper * part.view(shape)


@dataclass(frozen=True)
class Slices:
    """Slices as acquired, dimension 0 from one to the next; slice n lies `first` + n * `step` pixels into the truth."""

    image: Tensor
    first: float
    step: float


def slices(hu: Tensor, scan: Scan, pixel_mm: float, rng: np.random.Generator) -> Slices:
    """The slices a scanner makes of `hu`; dimension 0 is the slice direction, pixels `pixel_mm` apart everywhere."""
    seed = torch.Generator(device="cpu").manual_seed(int(rng.integers(2**31)))
    image = box(hu, scan.slice_mm / pixel_mm, 0)
    for dim in range(1, hu.ndim):
        image = gaussian(image, scan.blur_mm / pixel_mm, dim)
        if scan.sharpen:
            image = image + scan.sharpen * 0.5 * (image - gaussian(image, 1.0 / pixel_mm, dim))
    first, step = 0.0, scan.increment_mm / pixel_mm
    if step > 1.05:
        first = float(rng.uniform(0, 1))
        where = torch.arange(first, hu.shape[0] - 1, step)
        image = resample(image, where, 0) if len(where) > 1 else image
    noise = torch.randn(image.shape, generator=seed).to(hu.device)
    for dim in range(1, hu.ndim):
        noise = gaussian(noise, scan.noise_blur_mm / pixel_mm, dim)
    image = image + noise * (scan.noise_hu / noise.std().clamp_min(1e-6))
    return Slices(image, first, step if image.shape[0] != hu.shape[0] else 1.0)


def acquire(hu: Tensor, scan: Scan, pixel_mm: float, rng: np.random.Generator) -> Tensor:
    """The picture a scanner makes of `hu`, its slices interpolated back onto the pixels of `hu`."""
    made = slices(hu, scan, pixel_mm, rng)
    if made.image.shape[0] == hu.shape[0]:
        return made.image
    back = (torch.arange(hu.shape[0], dtype=torch.float32) - made.first) / made.step
    return resample(made.image, back.to(hu.device), 0)


def end_field_of_view(hu: Tensor, rng: np.random.Generator, keep: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """The picture with what lies outside a random box (sides a random share of `keep`) filled, and where it is seen."""
    filling = float(rng.choice([40.0, -1000.0, 0.0], p=[0.6, 0.25, 0.15]))
    seen = torch.zeros_like(hu)
    part = []
    for n in hu.shape:
        size = int(np.clip(n * rng.uniform(*keep), 4, n))
        start = int(rng.integers(0, n - size + 1))
        part.append(slice(start, start + size))
    seen[tuple(part)] = 1.0
    return torch.where(seen > 0, hu, torch.full_like(hu, filling)), seen
