"""Body centres with levels of 1,947 real CT scans (VID, Buergin et al. 2023, CC BY-SA 4.0), beside the checkout."""

import hashlib
import json
from functools import lru_cache
from itertools import pairwise
from zipfile import ZipFile

import numpy as np

from tests.support.real_data import real_data
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level, Point3

Scan = dict[Level, Point3]

LABELLED = tuple(level for level in HEAD_TO_FOOT if level not in (Level.T13, Level.S1))
"""The levels VID names, head to foot."""

_FOLDER = "KeypointGroundTruthNoSacrum/Training/"


@lru_cache(maxsize=1)
def scans() -> dict[str, Scan]:
    """All scans by file name; skips the test where the data are absent."""
    with ZipFile(real_data("labels", "vid_training_points.zip")) as archive:
        names = [name for name in archive.namelist() if name.startswith(_FOLDER) and name.endswith(".json")]
        return {name.removeprefix(_FOLDER): _bodies(json.loads(archive.read(name))) for name in sorted(names)}


def _bodies(points: list[dict[str, dict[str, object]]]) -> Scan:
    found = {}
    for point in points:
        if point["type"]["keypoint_type"] == "body":
            found[Level(str(point["type"]["spine_level"]))] = tuple(point["coordinates"]["world_space"])  # type: ignore[arg-type]
    return {level: found[level] for level in LABELLED if level in found}


def kept_apart(name: str) -> bool:
    """Whether this scan checks the numbering; the others made its spacing prior."""
    return hashlib.sha256(name.encode()).digest()[0] < 51


def windows(scan: Scan, count: int) -> list[tuple[Level, ...]]:
    """Every run of `count` neighbouring levels below C1 that this scan shows."""
    levels = [level for level in scan if level is not Level.C1]
    runs = [tuple(levels[at : at + count]) for at in range(len(levels) - count + 1)]
    places = {level: at for at, level in enumerate(LABELLED)}
    return [one for one in runs if places[one[-1]] - places[one[0]] == count - 1]


def spacing_table(training: list[Scan]) -> dict[Level, tuple[float, float]]:
    """Median distance (mm) and SD of its logarithm by upper level; patient scale taken out, extremes cut at 3 SD."""
    pairs = list(pairwise(LABELLED))
    logs = np.array([[_log_distance(scan, *pair) for pair in pairs] for scan in training])
    logs = logs[~np.isnan(logs).all(axis=1)]
    middle, scale = np.nanmedian(logs, axis=0), np.zeros(len(logs))
    for _ in range(20):
        scale = np.nanmedian(logs - middle, axis=1)
        middle = np.nanmedian(logs - scale[:, None], axis=0)
    rest = logs - middle - (scale - np.median(scale))[:, None]
    limit = 3 * 1.4826 * np.nanmedian(np.abs(rest), axis=0)
    spread = np.nanstd(np.clip(rest, -limit, limit), axis=0)
    return {upper: (float(np.exp(m)), float(s)) for (upper, _), m, s in zip(pairs, middle, spread, strict=True)}


def _log_distance(scan: Scan, upper: Level, lower: Level) -> float:
    if upper not in scan or lower not in scan:
        return float("nan")
    return float(np.log(np.linalg.norm(np.subtract(scan[upper], scan[lower]))))
