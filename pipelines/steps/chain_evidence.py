"""How well each numbering of a chain of bodies agrees with its distances and with what was seen at each body."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from pipelines.steps.facts import Body
from pipelines.steps.hypotheses import LONGEST, SPINES, Floats, Hypotheses, Spine
from pipelines.steps.kinds import KINDS, kind_of, log_evidence
from pipelines.steps.level_rank import RANK, log_odds_of_shift
from pipelines.steps.picture_error import ON_CT, PictureError
from pipelines.steps.size_prior import mid_sagittal_area
from pipelines.steps.spacing_prior import PATIENT_SCALE_LOG_SD, spacing
from vfx_finder.domain.spine import Level

RIB_BOUND = 2.5
SACRUM_BOUND = 4.0
C2_BOUND = 4.0
"""Largest log-odds that one look at one body may add."""

KIND_WEIGHT = 0.4
"""What the network of kinds says counts so much (1 = as if all crops were seen independently)."""

KIND_WILD_SHARE = 0.01
"""Share of scans whose kinds are worth nothing: bounds what they may say to 4.6 (log-odds)."""

_CUT_LOG_SD = 0.25
_OUTLIER_LOG_SD = 0.25
"""Distances beside a body cut by the field of view, and a few wild ones (a crushed body)."""

_SIZE_LOG_SD = 0.22
"""Twice the patient scale (an area), the spread of shape, and what a fracture or a soft outline takes away."""

_HALF_SCALES = 8
"""So many scales are tried on each side of the usual one for each SD between patients."""


def _padded(values: Sequence[float]) -> list[float]:
    return [*values, *([np.nan] * (LONGEST - len(values)))]


def _depths(spine: Spine) -> list[float]:
    steps = [spacing(upper, lower).mm for upper, lower in pairwise(spine.levels)]
    return _padded([float(sum(steps[:at])) for at in range(len(spine.levels))])


_DEPTH_MM: Floats = np.array([_depths(spine) for spine in SPINES])
_LOG_SD: Floats = np.array(
    [_padded([spacing(upper, lower).log_sd for upper, lower in pairwise(spine.levels)]) for spine in SPINES]
)
_AREA_MM2: Floats = np.array([_padded([mid_sagittal_area(level) for level in spine.levels]) for spine in SPINES])
_HAS_RIB = np.array([_padded([level.startswith("T") for level in spine.levels]) for spine in SPINES])
_ON_SACRUM = np.array([_padded([level in (spine.last_lumbar, Level.S1) for level in spine.levels]) for spine in SPINES])
_UNDER_C2 = np.array([_padded([level is Level.C3 for level in spine.levels]) for spine in SPINES])
_IS_SACRUM = np.array([_padded([level is Level.S1 for level in spine.levels]) for spine in SPINES])
_KIND = np.array(
    [
        [kind_of(at, spine.levels) for at in range(len(spine.levels))] + [0] * (LONGEST - len(spine.levels))
        for spine in SPINES
    ]
)
_RANK = np.array([_padded([RANK[level] for level in spine.levels]) for spine in SPINES])
"""Each by [spine, place]: mm below C2, log SD of the step below, where what is to be seen (1 or 0; the sacrum goes on
below its own first piece), kind and rank."""


def expected_mm(tried: Hypotheses) -> Floats:
    """Expected distance (mm) of an average patient between neighbouring bodies: [numbering, gap]."""
    return np.asarray(np.diff(_DEPTH_MM[tried.spine[:, None], tried.places], axis=1))


def from_spacing(tried: Hypotheses, distances: Floats, bodies: Sequence[Body], error: PictureError = ON_CT) -> Floats:
    """Log-likelihood of the distances (mm) under each numbering, the patient's own scale averaged out, and that of a
    picture whose millimetres are not sure."""
    if not distances.size:
        return np.zeros(len(tried.spine))
    residual = np.log(distances) - np.log(expected_mm(tried))
    is_cut = np.array([above.cut or below.cut for above, below in pairwise(bodies)])
    noise = np.where(is_cut, _CUT_LOG_SD, error.centre_log_sd)
    sd = np.hypot(_LOG_SD[tried.spine[:, None], tried.places[:, :-1]], noise)
    scale_sd = float(np.hypot(PATIENT_SCALE_LOG_SD, error.scale_log_sd))
    steps = round(_HALF_SCALES * scale_sd / PATIENT_SCALE_LOG_SD)
    by_scale = [
        _log_density(residual - at * scale_sd, sd, error.outlier_share).sum(axis=1) - 0.5 * at**2
        for at in np.linspace(-3, 3, 2 * steps + 1)
    ]
    return np.asarray(np.logaddexp.reduce(by_scale, axis=0))


def _log_density(residual: Floats, sd: Floats, outlier_share: float) -> Floats:
    usual = (1.0 - outlier_share) * np.exp(-0.5 * (residual / sd) ** 2) / sd
    wild = outlier_share * np.exp(-0.5 * (residual / _OUTLIER_LOG_SD) ** 2) / _OUTLIER_LOG_SD
    return np.asarray(np.log((usual + wild) / np.sqrt(2 * np.pi) + 1e-12))


def from_size(tried: Hypotheses, bodies: Sequence[Body], mm_per_pixel: float, picture_log_sd: float = 0.0) -> Floats:
    """Log-likelihood of the bodies' mid-sagittal size: the chain's median ratio to what is usual at each level; an area
    is twice as unsure as the picture's millimetres are (`picture_log_sd`)."""
    pixels = np.array([float((body.mask[len(body.mask) // 2] > 0.5).sum()) for body in bodies])
    whole = np.array([not body.cut for body in bodies]) & (pixels > 0)
    if not whole.any():
        return np.zeros(len(tried.spine))
    usual = _AREA_MM2[tried.spine[:, None], tried.places[:, whole]]
    ratio = np.log(pixels[whole] * mm_per_pixel**2) - np.log(usual)
    return np.asarray(-0.5 * (np.median(ratio, axis=1) / np.hypot(_SIZE_LOG_SD, 2 * picture_log_sd)) ** 2)


def from_sight(tried: Hypotheses, bodies: Sequence[Body]) -> Floats:
    """Bounded log-odds of what was seen at each body, added where the numbering says that it should be seen."""
    where = (tried.spine[:, None], tried.places)
    ribs = _HAS_RIB[where] @ _log_odds([body.rib for body in bodies], RIB_BOUND)
    sacrum = _ON_SACRUM[where] @ _log_odds([body.sacrum_below for body in bodies], SACRUM_BOUND)
    neck = _UNDER_C2[where] @ _log_odds([body.c2_above for body in bodies], C2_BOUND)
    itself = _IS_SACRUM[where] @ _log_odds([body.sacrum_here for body in bodies], SACRUM_BOUND)
    return np.asarray(ribs + sacrum + neck + itself)


def from_kinds(tried: Hypotheses, bodies: Sequence[Body]) -> Floats:
    """Log-likelihood of the kinds of vertebrae that were seen, against the numbering that fits them best.

    Tempered, for the crops of neighbours overlap, and bounded, for the mistakes of a network go together in one scan.
    """
    evidence = np.array([np.zeros(len(KINDS)) if body.kinds is None else log_evidence(body.kinds) for body in bodies])
    kinds = _KIND[tried.spine[:, None], tried.places]
    fit = KIND_WEIGHT * evidence[np.arange(len(bodies)), kinds].sum(axis=1)
    return np.asarray(np.logaddexp(np.log(1.0 - KIND_WILD_SHARE) + fit - fit.max(), np.log(KIND_WILD_SHARE)))


def from_rank(tried: Hypotheses, bodies: Sequence[Body], error: PictureError = ON_CT) -> Floats:
    """Bounded log-likelihood of the levels that the network of a whole picture read off it.

    Its mistakes within one scan go together, so the chain as a whole is taken to be read too high or too low by one
    common number of levels; ten bodies read alike are one witness.
    """
    read = np.array([np.nan if body.rank is None else body.rank for body in bodies])
    known = np.isfinite(read)
    if not known.any():
        return np.zeros(len(tried.spine))
    shift = np.median(read[known] - _RANK[tried.spine[:, None], tried.places[:, known]], axis=1)
    return log_odds_of_shift(shift, int(known.sum()), error.rank)


def _log_odds(probabilities: Sequence[float | None], bound: float) -> Floats:
    """One value a body; 0 where the place was not in view."""
    inside = np.clip([0.5 if p is None else p for p in probabilities], 1e-6, 1.0 - 1e-6)
    return np.asarray(np.clip(np.log(inside / (1.0 - inside)), -bound, bound))
