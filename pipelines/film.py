"""The X-ray arm: from the films of one study to its analysis. Research: a film is never graded, only suspected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np
from PIL import Image

from pipelines.steps.choose import XRAY_MODALITIES
from pipelines.steps.film_bodies import BodyNetworks, FilmBody, Reading, find_bodies
from pipelines.steps.film_gate import header_disagrees
from pipelines.steps.film_grid import Floats
from pipelines.steps.film_image import SURE_SCALES, FilmImage, is_picture, read_film
from pipelines.steps.film_judge import STRONG_SPREAD, judge_film
from pipelines.steps.film_number import number_film
from pipelines.steps.film_part import part_in_view
from pipelines.steps.film_view import Seen, WholeFilmNetworks, see, see_mirrored
from pipelines.steps.judge import CUT
from pipelines.steps.label import Numbering
from pipelines.steps.material import METAL
from vfx_finder.dicom.headers import read_header
from vfx_finder.dicom.images import read_image_facts
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import (
    HEADER_DISAGREES,
    SCALE_AT_DETECTOR,
    SCALE_ESTIMATED,
    Analysis,
    ModelVersion,
    SagittalPicture,
)
from vfx_finder.domain.numbering import NO_VERTEBRA
from vfx_finder.domain.spine import Drawing, LevelEstimate, Vertebra
from vfx_finder.domain.study import Reason, SeriesVerdict, Unsuitable

MODALITY = "DX"
RESEARCH = "research-film"
SCOUT = "ct-scout"
LOCALIZER = "LOCALIZER"
MIN_BODIES = 3
LEAST_COVERED = 0.35
PLAINLY_SEEN = 0.6
"""Share of the levels in view that must have been found so surely; else what was found is not taken for a lateral
spine: in noise and in other pictures close looks show no bodies, or none in a row."""

PICTURE_ROWS = 1400
"""Rows of the picture that findings are drawn on; larger films are made smaller for it."""

_BURNT, _BURNT_SHARE = 0.985, 0.06


class FilmModel(WholeFilmNetworks, BodyNetworks, Protocol):
    """The networks for films."""

    @property
    def version(self) -> ModelVersion:
        """Which weights these are."""


Tell = Callable[[str, float], None]


def analyse_films(files: Sequence[Path], model: FilmModel, tell: Tell | None = None) -> Analysis:
    """The analysis of the film on which most vertebrae are found; why there is none where no film serves.

    `modality` is DX for every kind of radiograph. No vertebra has a grade; `FILM_SUSPECTED` is among its flags where
    its measured loss calls for a look.
    """
    return analyse_film_study([file for file in files if is_film(file)], (), model, tell)


def analyse_film_study(
    films: Sequence[Path], verdicts: Sequence[SeriesVerdict], model: FilmModel, tell: Tell | None = None
) -> Analysis:
    """As `analyse_films` of films (or scouts) that were chosen, with what became of each series; `verdicts` are those
    before any film was looked at."""
    began = perf_counter()
    done = [(file, _one(file, model, tell)) for file in films]
    if not done:
        return replace(_nothing(Unsuitable(Reason.NO_IMAGES, "No film was given.")), series=tuple(verdicts))
    file, best = max(done, key=lambda pair: len(pair[1].findings))
    steps = {step: sum(one.seconds.get(step, 0.0) for _, one in done) for step in ("read", "locate", "measure")}
    looked_at = {one: "" if is_picture(one) else read_header(one).SeriesInstanceUID for one in films}
    return replace(
        best,
        seconds={**steps, "total": perf_counter() - began},
        series=tuple(
            _verdict(one, looked_at[file], best) if one.SeriesInstanceUID in looked_at.values() else one
            for one in verdicts
        ),
    )


def is_film(file: Path) -> bool:
    """Whether a file is a PNG or JPEG by its name, or a radiograph by its header."""
    if is_picture(file):
        return True
    try:
        return read_header(file).Modality in XRAY_MODALITIES
    except Unreadable:
        return False


def is_scout(file: Path) -> bool:
    """Whether a file is a scout view of CT: LOCALIZER in its ImageType (PS3.3 C.8.2.1.1.1)."""
    try:
        facts = read_image_facts(file)
    except Unreadable:
        return False
    return facts.header.Modality == "CT" and LOCALIZER in facts.image_type


def _verdict(one: SeriesVerdict, chosen: str, analysis: Analysis) -> SeriesVerdict:
    if one.SeriesInstanceUID == chosen:
        return replace(one, unsuitable=analysis.unsuitable)
    return replace(one, unsuitable=Unsuitable(Reason.BETTER_SERIES, "Another film of the study shows more of a spine."))


def _one(file: Path, model: FilmModel, tell: Tell | None) -> Analysis:
    """One film, with the seconds of its own steps."""
    clock = _Clock(tell)
    clock.begin("read")
    film = read_film(file)
    if isinstance(film, Unsuitable):
        return replace(_nothing(film), seconds=clock.ended())
    clock.begin("locate")
    seen = see(film, model)
    if isinstance(seen, Unsuitable):
        return replace(_nothing(seen), models=(model.version,), seconds=clock.ended())
    seen, read = _read(film, seen, model)
    if not _is_enough(seen, read):
        words = f"Only {_plain(read)} vertebrae could be told plainly where about {_levels(seen):.0f} would be in view."
        why = Unsuitable(Reason.NOT_LATERAL_SPINE, words)
        return replace(_nothing(why), models=(model.version,), seconds=clock.ended())
    clock.begin("measure")
    return replace(_measured(film, seen, read), models=(model.version,), seconds=clock.ended())


def _read(film: FilmImage, seen: Seen, model: FilmModel) -> tuple[Seen, Reading]:
    """The bodies of a film as it was seen; where they are too few, of the film held the other way round, if those are
    more: the whole-film network may take the back of a trunk for its front."""
    read = find_bodies(seen.picture, seen.mm_per_pixel, seen.corridor, model)
    if _is_enough(seen, read):
        return seen, read
    other = see_mirrored(film, seen, model)
    if other is None:
        return seen, read
    again = find_bodies(other.picture, other.mm_per_pixel, other.corridor, model)
    return (other, again) if _plain(again) > _plain(read) else (seen, read)


def _is_enough(seen: Seen, read: Reading) -> bool:
    return _plain(read) >= max(MIN_BODIES, LEAST_COVERED * _levels(seen))


def _plain(read: Reading) -> int:
    return sum(body.found.here >= PLAINLY_SEEN for body in read.bodies)


def _levels(seen: Seen) -> float:
    return float(seen.corridor.rank[-1] - seen.corridor.rank[0])


class _Clock:
    """Seconds of each step, told as they begin."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell, self._step, self._since = tell, "", perf_counter()
        self._spent: dict[str, float] = {}

    def begin(self, step: str) -> None:
        self._stop()
        self._step = step
        if self._tell:
            self._tell(step, len(self._spent) / 3)

    def ended(self) -> dict[str, float]:
        self._stop()
        self._step = ""
        return self._spent

    def _stop(self) -> None:
        now = perf_counter()
        if self._step:
            self._spent[self._step] = now - self._since
        self._since = now


def _nothing(why: Unsuitable) -> Analysis:
    return Analysis(modality=MODALITY, unsuitable=why, findings=(), patient=None, models=(), seconds={})


def _measured(film: FilmImage, seen: Seen, read: Reading) -> Analysis:
    bodies, numbering = read.bodies, number_film(read, seen)
    about = (
        RESEARCH,
        f"view-{_view(numbering, read)}",
        *_scale(film, seen),
        *_header(film),
        *((SCOUT,) if film.scout else ()),
    )
    small = min(1.0, PICTURE_ROWS / max(seen.picture.shape))
    vertebrae = [
        _vertebra(body, level, (*flags, *about), _Place(film, seen, small))
        for body, level, flags in zip(bodies, numbering.levels, numbering.flags, strict=True)
    ]
    findings, patient = judge_film(vertebrae, [body.evidence for body in bodies])
    why = None if any(found.loss for found in findings) else Unsuitable(Reason.NOT_MEASURABLE, "No vertebra measured.")
    return Analysis(
        modality=MODALITY,
        unsuitable=why,
        findings=findings,
        patient=None if why else patient,
        models=(),
        seconds={},
        picture=_picture(seen, small),
    )


def _header(film: FilmImage) -> tuple[str, ...]:
    """Pixels decide which film it is; where the header says another view, that is told."""
    return (HEADER_DISAGREES,) if header_disagrees(film) else ()


def _scale(film: FilmImage, seen: Seen) -> tuple[str, ...]:
    """Why the heights are not told in mm; nothing where the header gives the scale at the patient."""
    if seen.estimated:
        return (SCALE_ESTIMATED,)
    return () if film.scale_words in SURE_SCALES else (SCALE_AT_DETECTOR,)


@dataclass(frozen=True)
class _Place:
    """Where a vertebra is shown: on the film as given, and on the picture, `small` times the film held upright."""

    film: FilmImage
    seen: Seen
    small: float


def _vertebra(body: FilmBody, level: LevelEstimate, flags: Sequence[str], place: _Place) -> Vertebra:
    raised = {CUT: body.cut, METAL: body.evidence.ratio_spread > STRONG_SPREAD and _burnt(body, place.seen)}
    remarks = (*(flag for flag, is_raised in raised.items() if is_raised), *flags)
    row, col = place.seen.way.back(np.array(body.spot.centre), place.film.grey.shape)
    drop = body.cut or NO_VERTEBRA in remarks
    return Vertebra(
        level=level,
        centre_mm=(float(col), float(row), 0.0),
        heights=None if drop else body.heights,
        flags=tuple(dict.fromkeys(remarks)),
        drawing=_drawing(body, place.small),
    )


def _burnt(body: FilmBody, seen: Seen) -> bool:
    """Whether metal, or an overexposed part, lies over the body: more than a few of its pixels are plain white."""
    inside = body.found.own > 0.5
    part = body.found.sight.grid.cut_from(seen.picture)[inside]
    return bool(part.size and (part > _BURNT).mean() > _BURNT_SHARE)


def _drawing(body: FilmBody, small: float) -> Drawing:
    def shown(points: Floats) -> tuple[tuple[float, float], ...]:
        return tuple((float(col), float(row)) for row, col in points * small)

    upper, lower = shown(body.found.points[:3]), shown(body.found.points[3:])
    return Drawing(shown(body.outline), tuple(zip(upper, lower, strict=True)))


def _picture(seen: Seen, small: float) -> SagittalPicture:
    """The film, front on the left, head up, at most `PICTURE_ROWS` long, with the scale it was measured at."""
    full = Image.fromarray(np.rint(seen.picture * 255).astype(np.uint8))
    width, height = (max(1, round(side * small)) for side in full.size)
    buffer = BytesIO()
    full.resize((width, height), Image.Resampling.BOX).save(buffer, "PNG", optimize=True)
    return SagittalPicture(buffer.getvalue(), width, height, seen.mm_per_pixel / small)


def _view(numbering: Numbering, read: Reading) -> str:
    """Which part of the spine is in view, by the levels told; by all of them where none is surely a vertebra."""
    pairs = zip(numbering.levels, numbering.flags, strict=True)
    levels = [level.level for level, flags in pairs if NO_VERTEBRA not in flags]
    return part_in_view(levels or [level.level for level in numbering.levels], has_sacrum=read.sacrum is not None)
