"""A small CT study on disk and an analysis of it, so that result objects can be made without a network."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from pydicom import Dataset, dcmwrite

from pipelines.steps.write import Made, Making, objects
from tests.support import spines
from tests.support.dicom import Grid, Order, ct_series, stable_uid, write_series
from tests.support.reviews import confirmed, rejected
from vfx_finder.dicom.sagittal import Reformat, packed
from vfx_finder.domain.delivered import Kind, Stage
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.review import RejectReason, Review
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import SeriesVerdict

MADE_AT = datetime(2026, 11, 20, 22, 15, 3, tzinfo=UTC)
SIGNED_AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
MAKING = Making(MADE_AT, institution="Synthetic Hospital", device_serial_number="VFXTEST")
GRADES = {Level.T8: 1, Level.T12: 2, Level.L2: 3}
MIDDLE_IMAGE = 2
ORIGIN = (-6.0, -100.0, 300.0)
PIXEL_MM, SPACING_MM = 0.75, 3.0


def study(folder: Path, order: Order | None = None, **headers: object) -> list[Path]:
    """Eight slices of a synthetic study; `headers` overwrite elements of each."""
    return write_series(ct_series(order or Order(), Grid(), **headers), folder)


def analysed(
    grades: Mapping[Level, int] | None = None, unsure: Level | None = None, order: Order | None = None
) -> Analysis:
    """A spine from T5 to L5 with these grades, with its reformat, as if found in that study."""
    found = spines.analysis(GRADES if grades is None else grades, unsure)
    uid = stable_uid((order or Order()).name, "axial")
    return replace(found, series=(SeriesVerdict(uid, "axial", 8, None),), reformat=packed(reformat_of(found)))


def reformat_of(analysis: Analysis) -> Reformat:
    """Five sagittal images of noise; every body is there on the middle three, as it is drawn."""
    assert analysis.picture is not None
    scale = analysis.picture.mm_per_pixel / PIXEL_MM
    size = round(analysis.picture.width * scale), round(analysis.picture.height * scale)
    canvas = Image.new("L", size, 0)
    for number, finding in enumerate(analysis.findings, start=1):
        assert finding.vertebra.drawing is not None
        outline = [(x * scale, y * scale) for x, y in finding.vertebra.drawing.outline]
        ImageDraw.Draw(canvas).polygon(outline, fill=number)
    bodies = np.zeros((5, size[1], size[0]), np.uint8)
    bodies[1:4] = np.asarray(canvas)
    return Reformat(
        hu=np.random.default_rng(5).integers(-200, 900, bodies.shape).astype(np.int16),
        bodies=bodies,
        origin=np.array(ORIGIN),
        along_row=np.array([0.0, 1.0, 0.0]),
        along_column=np.array([0.0, 0.0, -1.0]),
        across=np.array([1.0, 0.0, 0.0]),
        middles=np.full(len(analysis.findings), float(MIDDLE_IMAGE)),
        scale=scale,
        pixel_mm=PIXEL_MM,
        spacing_mm=SPACING_MM,
    )


def signed(name: str = "Dr Zoë Müller") -> Review:
    """T12 and L2 confirmed, the mild T8 turned down as a Schmorl node."""
    said = (rejected(Level.T8, 1, RejectReason.SCHMORL_NODE), confirmed(Level.T12, 2), confirmed(Level.L2, 3))
    return Review(said, name, SIGNED_AT)


def made(
    files: list[Path], kinds: set[Kind], review: Review | None = None, analysis: Analysis | None = None
) -> list[Made]:
    """The objects of these kinds."""
    stage = Stage.FINAL if review else Stage.PRELIMINARY
    return objects(files, analysis or analysed(), review, kinds, stage, MAKING)


def by_kind(made) -> dict[Kind, list[Dataset]]:
    """The datasets of each kind."""
    return {kind: [one.dataset for one in made if one.kind is kind] for kind in Kind}


def encoded(dataset: Dataset) -> bytes:
    """The whole file."""
    buffer = BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def words_of(report: Dataset) -> str:
    """Every text in a structured report."""
    found = [str(element.value) for element in report.iterall() if element.keyword == "TextValue"]
    return "\n".join(found)


def group_of(report: Dataset, name: str) -> Dataset:
    """The measurement group that tracks this vertebra."""
    measurements = next(
        item for item in report.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue == "126010"
    )
    return next(
        group for group in measurements.ContentSequence if group.ContentSequence[0].get("TextValue", "") == name
    )


def answers(group: Dataset) -> dict[str, str]:
    """The coded answers of a group: question's code -> answer's code."""
    return {
        item.ConceptNameCodeSequence[0].CodeValue: item.ConceptCodeSequence[0].CodeValue
        for item in group.ContentSequence
        if item.ValueType == "CODE"
    }


def numbers(group: Dataset) -> dict[str, float]:
    """The measurements of a group by the code of their name."""
    return {
        item.ConceptNameCodeSequence[0].CodeValue: float(item.MeasuredValueSequence[0].NumericValue)
        for item in group.ContentSequence
        if item.ValueType == "NUM"
    }
