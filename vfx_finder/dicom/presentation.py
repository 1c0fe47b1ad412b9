"""The drawing as a Grayscale Softcopy Presentation State on the sagittal reformat: shown, hidden, never burned in.

PS3.3 A.33.1; graphic annotations C.10.5: coordinates in PIXEL units are (column, row) from the upper left corner of the
first pixel, so that its centre is (0.5, 0.5).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from vfx_finder.dicom.reformat import WINDOW_CENTRE, WINDOW_WIDTH
from vfx_finder.dicom.result import UNCONFIRMED, Result, dress, nameless, with_type_2
from vfx_finder.dicom.sagittal import Reformat
from vfx_finder.domain.delivered import PRODUCT, Kind
from vfx_finder.domain.spine import Point
from vfx_finder.domain.told import Standing, Told

_PIXEL = "PIXEL"
_OUTLINES, _WORDS = "OUTLINES", "WORDS"
_GAP = 4.0

Points = NDArray[np.float64]


def presentation_state(result: Result, images: Sequence[Dataset]) -> Dataset | None:
    """Outlines, heights and words on the reformat's images; None without a reformat."""
    reformat = result.reformat
    if reformat is None or not images:
        return None
    layers = {
        _OUTLINES: GraphicLayer(_OUTLINES, order=1, description="Vertebral bodies and their heights"),
        _WORDS: GraphicLayer(_WORDS, order=2, description="Levels and grades"),
    }
    state = GrayscaleSoftcopyPresentationState(
        referenced_images=[nameless(image) for image in images],
        series_instance_uid=result.series_uid(Kind.GSPS),
        series_number=result.series_number(Kind.GSPS),
        sop_instance_uid=result.instance_uid(Kind.GSPS),
        instance_number=1,
        manufacturer=PRODUCT,
        manufacturer_model_name=PRODUCT,
        software_versions=PRODUCT,
        device_serial_number=result.making.device_serial_number,
        content_label="VERTEBRAE",
        content_description=f"Vertebrae, {result.status_words}. Research software."[:64],
        graphic_layers=list(layers.values()),
        graphic_annotations=_annotations(result, reformat, images, layers),
        voi_lut_transformations=[SoftcopyVOILUTTransformation(window_center=WINDOW_CENTRE, window_width=WINDOW_WIDTH)],
    )
    state.PresentationCreationDate = result.at.strftime("%Y%m%d")
    state.PresentationCreationTime = result.at.strftime("%H%M%S")
    dress(state, result, Kind.GSPS)
    del state.ContentDate, state.ContentTime  # no part of this IOD
    return with_type_2(state, ["Laterality"])


def _annotations(
    result: Result, reformat: Reformat, images: Sequence[Dataset], layers: dict[str, GraphicLayer]
) -> list[GraphicAnnotation]:
    """For every image through the middle of a body: that body's drawing, and who stands behind it."""
    drawn: dict[int, list[int]] = {}
    for index, one in enumerate(result.vertebrae):
        if one.drawing and one.is_vertebra:
            drawn.setdefault(reformat.image_of(index), []).append(index)
    annotations = []
    for number, indices in sorted(drawn.items()):
        shapes = [shape for index in indices for shape in _shapes(result, reformat, index)]
        words = [_label(result.vertebrae[index], reformat) for index in indices]
        annotations += [
            GraphicAnnotation([nameless(images[number])], layers[_OUTLINES], graphic_objects=shapes),
            GraphicAnnotation([nameless(images[number])], layers[_WORDS], text_objects=[*words, _status(result)]),
        ]
    return annotations


def _shapes(result: Result, reformat: Reformat, index: int) -> list[GraphicObject]:
    one = result.vertebrae[index]
    assert one.drawing is not None
    tracked: dict[str, Any] = {"tracking_id": one.name[:64], "tracking_uid": result.tracking_uid(index)}
    outline = _here([*one.drawing.outline, one.drawing.outline[0]], reformat)
    lines = one.drawing.height_lines if one.standing.is_fracture else ()
    return [
        GraphicObject("POLYLINE", outline, _PIXEL, **tracked),
        *(GraphicObject("POLYLINE", _here(line, reformat), _PIXEL, **tracked) for line in lines),
    ]


def _here(points: Sequence[Point], reformat: Reformat) -> Points:
    """Points of the picture that findings are drawn on as (column, row) of this presentation state."""
    rows, columns = reformat.hu.shape[1:]
    at = np.array(points, np.float64) * reformat.scale + 0.5
    return np.clip(at, 0.5, [columns - 0.5, rows - 0.5])


def _label(one: Told, reformat: Reformat) -> TextObject:
    """The level in front of the body, with grade and standing where it is more than a level."""
    assert one.drawing is not None
    outline = _here(one.drawing.outline, reformat)
    left, middle = float(outline[:, 0].min()), float(outline[:, 1].mean())
    return TextObject(_words(one), _PIXEL, anchor_point=(max(left - _GAP, 0.5), middle), anchor_point_visible=False)


def _words(one: Told) -> str:
    if one.standing is Standing.SUSPECTED:
        return f"{one.short} suspected grade {one.grade}, {UNCONFIRMED}"
    if one.standing is Standing.CONFIRMED:
        return f"{one.short} fracture grade {one.grade}, confirmed"
    if one.standing is Standing.REJECTED:
        return f"{one.short} not confirmed"
    return one.short


def _status(result: Result) -> TextObject:
    doubt = " ? after a level: not certain." if any(one.short.endswith("?") for one in result.vertebrae) else ""
    words = f"{result.status_words}. Research software.{doubt}"
    return TextObject(words, "DISPLAY", bounding_box=(0.02, 0.96, 0.98, 0.995), text_justification="LEFT")
