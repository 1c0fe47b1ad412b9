"""The vertebral bodies as a binary Segmentation (PS3.3 A.51) on the sagittal reformat, one segment a vertebra."""

from collections.abc import Sequence

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentationTypeValues, SegmentDescription
from pydicom.dataset import Dataset

from vfx_finder.dicom import codes
from vfx_finder.dicom.result import Result, dress, nameless
from vfx_finder.domain.delivered import PRODUCT, Kind
from vfx_finder.domain.told import Told


def segmentation(result: Result, images: Sequence[Dataset]) -> Dataset | None:
    """The middle part of every body, which is what was measured; None without a reformat or without any body.

    Bodies that are probably no vertebrae are left out. BINARY, because viewers and checkers of before 2024 do not know
    label maps.
    """
    reformat = result.reformat
    if reformat is None or not images:
        return None
    shown = [n for n, one in enumerate(result.vertebrae) if one.is_vertebra and (reformat.bodies == n + 1).any()]
    if not shown:
        return None
    pixels = np.stack([reformat.bodies == n + 1 for n in shown], axis=-1)
    segments = [_segment(result, n, number) for number, n in enumerate(shown, start=1)]
    dataset = Segmentation(
        source_images=[nameless(image) for image in images],
        pixel_array=pixels,
        segmentation_type=SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
        series_instance_uid=result.series_uid(Kind.SEG),
        series_number=result.series_number(Kind.SEG),
        sop_instance_uid=result.instance_uid(Kind.SEG),
        instance_number=1,
        manufacturer=PRODUCT,
        manufacturer_model_name=PRODUCT,
        software_versions=PRODUCT,
        device_serial_number=result.making.device_serial_number,
        content_label="VERTEBRAE",
        content_description=f"Vertebral bodies, {result.status_words}. Research."[:64],
    )
    _name_dimensions(dataset, result.uid("dimensions"))
    return dress(dataset, result, Kind.SEG)


def _name_dimensions(dataset: Dataset, uid: str) -> None:
    """Our own UID for the dimensions, in place of one by chance (PS3.3 C.7.6.17)."""
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid


def _segment(result: Result, index: int, number: int) -> SegmentDescription:
    one = result.vertebrae[index]
    site = codes.site_of(one.level).code
    return SegmentDescription(
        segment_number=number,
        segment_label=_label(one),
        segmented_property_category=codes.ANATOMICAL_STRUCTURE.code,
        segmented_property_type=site if one.level in codes.LEVELS else codes.VERTEBRA.code,
        algorithm_type="AUTOMATIC",
        algorithm_identification=_algorithm(result),
        tracking_id=one.name[:64],
        tracking_uid=result.tracking_uid(index),
        anatomic_regions=None if one.level in codes.LEVELS else [site],
    )


def _label(one: Told) -> str:
    return f"{one.level_words}, grade {one.grade}, {one.standing.value}"[:64] if one.grade else one.level_words[:64]


def _algorithm(result: Result) -> AlgorithmIdentificationSequence:
    model = result.analysis.models[0]
    return AlgorithmIdentificationSequence(
        name=model.name,
        family=codes.ARTIFICIAL_INTELLIGENCE.code,
        version=model.version,
        source=PRODUCT,
        parameters={"weights sha256": model.sha256},
    )
