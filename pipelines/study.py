"""From the files of one study to its analysis: choose, volume, locate, measure, label, judge. No rows, no Django."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Protocol

import numpy as np

from pipelines.film import FilmModel, analyse_film_study, is_film, is_scout
from pipelines.steps.bright_gaps import flags_with_bright_gaps
from pipelines.steps.broken_shape import broken_by_shape
from pipelines.steps.choose import XRAY_MODALITIES, Choice, NiftiFile, choose
from pipelines.steps.density import Site, bone_density
from pipelines.steps.eligible import CtSeries
from pipelines.steps.facts import Body, Located, SagittalStack, Volume
from pipelines.steps.judge import CUT, Circumstances, judge
from pipelines.steps.label import Numbering, number
from pipelines.steps.likeness import Measured, likenesses
from pipelines.steps.locate import SpineNetworks, locate
from pipelines.steps.material import materials
from pipelines.steps.measure import BodyMeasure, measure_body
from pipelines.steps.picture import sagittal_picture
from pipelines.steps.reformat import sagittal_reformat
from pipelines.steps.shape_facts import Floats
from pipelines.steps.volume import read_volume
from vfx_finder.dicom.sagittal import packed
from vfx_finder.domain import genant
from vfx_finder.domain.finding import Analysis, Finding, ModelVersion
from vfx_finder.domain.genant import GenantRule
from vfx_finder.domain.numbering import NO_VERTEBRA
from vfx_finder.domain.operating_point import BALANCED, ON_FILMS, OperatingPoint
from vfx_finder.domain.spine import LevelEstimate, Vertebra
from vfx_finder.domain.study import Reason, SeriesVerdict, Unsuitable

MIN_BODIES = 2
"""A single body has no neighbour to be told from a chance find by; two are a spine, if a short one."""

INTERPOLATED = "interpolated-slices"
HALF_VERTEBRA_MM = 18.0
"""Half the height of a tall lumbar vertebra with a tilt: a missing slice this near its middle runs through it."""

STEPS = ("read", "locate", "measure")

Progress = Callable[[str, float], None]
"""Told the name of a step of `STEPS` and the share (0..1) of the whole work done when it begins; last "done", 1."""


class SpineModel(SpineNetworks, Protocol):
    """The networks that find vertebral bodies, which they are, and whether their shape is that of a broken one."""

    def broken(self, facts: Floats) -> Floats:
        """Probability [N] of grade 2 or 3 by the facts [N, k] of `pipelines.steps.shape_facts`."""

    @property
    def version(self) -> ModelVersion:
        """Which weights these are."""


class Models(Protocol):
    """The shelf of networks (`models.catalogue.load()`); asked for only when there is a volume to look at."""

    @property
    def ct_spine(self) -> SpineModel:
        """The model for CT."""

    @property
    def xray_spine(self) -> FilmModel | None:
        """The model for lateral films, if there is one; asked for only when there is a film."""


@dataclass(frozen=True)
class Options:
    """`rule` grades; `series_to_try` is how many series of a study are tried, best first, before giving up;
    `operating_point` decides what of a CT reaches the worklist, `on_films` says what decides on films; `scouts`:
    whether lateral scout views are read as films where no series of a CT can be analysed (research, docs/xray.md)."""

    rule: GenantRule = genant.RULE
    series_to_try: int = 3
    operating_point: OperatingPoint = BALANCED
    on_films: OperatingPoint = ON_FILMS
    scouts: bool = False


@dataclass
class _Clock:
    """Seconds spent in each step."""

    progress: Progress | None
    started: float = field(default_factory=perf_counter)
    spent: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        if self.progress:
            self.progress(name, STEPS.index(name) / len(STEPS))
        before = perf_counter()
        yield
        self.spent[name] += perf_counter() - before

    def seconds(self) -> dict[str, float]:
        return {**self.spent, "total": perf_counter() - self.started}


def analyse(
    files: Sequence[Path], models: Models, options: Options | None = None, progress: Progress | None = None
) -> Analysis:
    """The analysis of the files of one study: DICOM files in any order, one NIfTI file, or films as PNG or JPEG.

    Whatever cannot be analysed is said in `Analysis.unsuitable`; a chain of fewer than `MIN_BODIES` bodies, or one of
    which not a single body could be graded, is never called free of fracture. Raises only what is a defect or a
    broken installation.
    """
    clock, options = _Clock(progress), options or Options()
    with clock.step("read"):
        choice = choose(files)
    films = _films_of(files, choice, options)
    if films and (model := models.xray_spine) is not None:
        analysis = analyse_film_study(films, choice.verdicts, model, progress)
    elif choice.unsuitable:
        analysis = _not_analysed(choice, choice.unsuitable, clock)
    else:
        analysis = _first_that_works(choice, models, options, clock)
    if progress:
        progress("done", 1.0)
    return replace(analysis, operating_point=options.on_films if analysis.is_film else options.operating_point)


def _films_of(files: Sequence[Path], choice: Choice, options: Options) -> list[Path]:
    """The radiographs to look at, where there is nothing else: no series of CT serves. Of a CT its scouts, if asked."""
    if choice.unsuitable is None:
        return []
    if choice.modality == "CT":
        return [file for file in files if is_scout(file)] if options.scouts else []
    of_films = choice.modality in XRAY_MODALITIES or not choice.modality
    return [file for file in files if is_film(file)] if of_films else []


def _first_that_works(choice: Choice, models: Models, options: Options, clock: _Clock) -> Analysis:
    tried: list[tuple[CtSeries | NiftiFile, Analysis]] = []
    for source in choice.candidates[: options.series_to_try]:
        analysis = _analyse_one(source, choice, models, options, clock)
        tried.append((source, analysis))
        if analysis.unsuitable is None:
            break
    else:
        analysis = tried[0][1]
    return replace(analysis, seconds=clock.seconds(), series=_after_trial(choice, tried))


def _after_trial(choice: Choice, tried: Sequence[tuple[CtSeries | NiftiFile, Analysis]]) -> tuple[SeriesVerdict, ...]:
    """The verdicts once series were tried: the one that worked has no reason, those before it have their own."""
    reasons = {source.uid: analysis.unsuitable for source, analysis in tried if isinstance(source, CtSeries)}
    return tuple(
        replace(verdict, unsuitable=reasons[verdict.SeriesInstanceUID])
        if verdict.SeriesInstanceUID in reasons
        else verdict
        for verdict in choice.verdicts
    )


def _analyse_one(
    source: CtSeries | NiftiFile, choice: Choice, models: Models, options: Options, clock: _Clock
) -> Analysis:
    with clock.step("read"):
        volume = read_volume(source)
    if isinstance(volume, Unsuitable):
        return _not_analysed(choice, volume, clock)
    with clock.step("locate"):
        located = _locate(volume, models)
    version = (models.ct_spine.version,)
    if isinstance(located, Unsuitable):
        return replace(_not_analysed(choice, located, clock), models=version)
    with clock.step("measure"):
        analysis = _measured(located, volume, models.ct_spine, options)
        return replace(analysis, modality=choice.modality, models=version)


def _locate(volume: Volume, models: Models) -> Located | Unsuitable:
    located = locate(volume, models.ct_spine)
    if isinstance(located, Located) and len(located.bodies) < MIN_BODIES:
        count = len(located.bodies)
        return Unsuitable(Reason.NO_SPINE, f"{count or 'No'} vertebral {'body' if count == 1 else 'bodies'} found.")
    return located


def _measured(located: Located, volume: Volume, model: SpineModel, options: Options) -> Analysis:
    """Everything after the bodies are found. `modality`, `models` and `seconds` are filled in by the caller."""
    stack, bodies = located.stack, located.bodies
    measures = [measure_body(body, stack) for body in bodies]
    numbering = number(bodies, stack)
    remarks = _remarks(bodies, measures, numbering, stack)
    vertebrae = [
        _vertebra(body, measure, level, flags, located.stack)
        for body, measure, level, flags in zip(bodies, measures, numbering.levels, remarks, strict=True)
    ]
    vertebrae = [_flagged_near_gap(vertebra, volume) for vertebra in vertebrae]
    about = Circumstances(volume.slice_mm, options.rule)
    spreads = [measure.ratio_spread if measure else 0.0 for measure in measures]
    findings, patient = judge(vertebrae, spreads, about, broken_by_shape(vertebrae, measures, about, model.broken))
    why = _nothing_graded(findings)
    sites = [Site(*parts) for parts in zip(findings, bodies, measures, strict=True)]
    return Analysis(
        modality="",
        unsuitable=why,
        findings=findings,
        patient=None if why else patient,
        models=(),
        seconds={},
        picture=sagittal_picture(stack),
        bone_density=bone_density(volume, stack, sites),
        reformat=packed(sagittal_reformat(volume, stack, bodies)),
    )


def _remarks(
    bodies: Sequence[Body], measures: Sequence[BodyMeasure | None], numbering: Numbering, stack: SagittalStack
) -> list[tuple[str, ...]]:
    """What is remarked on each body beside its measuring: its number, what it is made of, what it resembles."""
    chain = [
        None if measure is None or body.cut or n in numbering.left_out else Measured(level.level, measure)
        for n, (body, measure, level) in enumerate(zip(bodies, measures, numbering.levels, strict=True))
    ]
    flags = flags_with_bright_gaps(bodies, numbering, stack)
    parts = zip(flags, (materials(body, stack) for body in bodies), likenesses(chain), strict=True)
    return [(*number_flags, *made_of, *(kind.value for kind in like)) for number_flags, made_of, like in parts]


def _vertebra(
    body: Body, measure: BodyMeasure | None, level: LevelEstimate, remarks: tuple[str, ...], stack: SagittalStack
) -> Vertebra:
    """A cut body has no heights: what is in view of it is not its height. Nor has one that is probably no vertebra."""
    cut = (CUT,) if body.cut else ()
    flags = (*cut, *body.flags, *(measure.flags if measure else ()), *remarks)
    row, column = measure.centre if measure and not body.cut else body.centre
    has_heights = measure is not None and not body.cut and NO_VERTEBRA not in remarks
    return Vertebra(
        level=level,
        centre_mm=stack.to_lps(row, column),
        heights=measure.heights if measure and has_heights else None,
        flags=tuple(dict.fromkeys(flags)),
        drawing=measure.drawing if measure else None,
    )


def _flagged_near_gap(vertebra: Vertebra, volume: Volume) -> Vertebra:
    """The vertebra, remarked upon where a slice through it was missing and is only interpolated."""
    k = float((np.linalg.inv(volume.affine) @ [*vertebra.centre_mm, 1.0])[2])
    reach = HALF_VERTEBRA_MM / float(volume.spacing[2])
    if not any(abs(k - gap) <= reach for gap in volume.interpolated):
        return vertebra
    return replace(vertebra, flags=(*vertebra.flags, INTERPOLATED))


def _nothing_graded(findings: Sequence[Finding]) -> Unsuitable | None:
    if any(finding.grade is not None for finding in findings):
        return None
    reasons = [finding.unsuitable.reason for finding in findings if finding.unsuitable]
    commonest = max(sorted(set(reasons)), key=reasons.count, default=Reason.NOT_MEASURABLE)
    return Unsuitable(commonest, f"{len(findings)} vertebrae were found, but not one could be graded.")


def _not_analysed(choice: Choice, why: Unsuitable, clock: _Clock) -> Analysis:
    return Analysis(
        modality=choice.modality,
        unsuitable=why,
        findings=(),
        patient=None,
        models=(),
        seconds=clock.seconds(),
        series=choice.verdicts,
    )
