"""Which series of a study is analysed, and why each of the others is not."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.steps.eligible import CtSeries, examine
from pipelines.steps.film_image import is_picture
from pipelines.steps.nifti import is_nifti
from pipelines.steps.rank import best_first
from vfx_finder.dicom.images import ImageFacts, read_image_facts
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.study import Reason, SeriesVerdict, Unsuitable

XRAY_MODALITIES = frozenset({"CR", "DX", "RG", "DR"})
"""Projection radiographs: computed, digital, and film digitised (PS3.3 C.7.3.1.1.1); DR is a retired habit."""


NAMED = 3
"""So many files that are no images are told by name. Of images received a name is a hash, so it tells nobody."""


@dataclass(frozen=True)
class NiftiFile:
    """One NIfTI file, taken for a CT until its values say otherwise."""

    path: Path


@dataclass(frozen=True)
class Choice:
    """What to analyse: `candidates` best first, empty exactly when `unsuitable` says why there is none.

    `verdicts` has one entry for every series, and one for the files that are no images, so that all files given
    are accounted for. `modality` is empty when there was no image at all.
    """

    modality: str
    candidates: tuple[CtSeries | NiftiFile, ...]
    verdicts: tuple[SeriesVerdict, ...]
    unsuitable: Unsuitable | None = None


def choose(files: Sequence[Path]) -> Choice:
    """Choose among the files of one study: DICOM files in any order, or one NIfTI file. Reads headers only."""
    niftis = [file for file in files if is_nifti(file)]
    images, strangers = _read([file for file in files if not is_nifti(file)])
    rejected = _unreadable(strangers)
    studies = len(niftis) + len({image.header.StudyInstanceUID for image in images})
    if studies > 1:
        return _none("", rejected, Unsuitable(Reason.SEVERAL_STUDIES, f"The files belong to {studies} studies."))
    if niftis:
        return Choice("CT", (NiftiFile(niftis[0]),), rejected)
    if not images:
        return _none("", rejected, _no_images(strangers))
    return _choose_series(images, rejected)


def _read(files: Iterable[Path]) -> tuple[list[ImageFacts], list[Path]]:
    images, strangers = [], []
    for file in files:
        try:
            images.append(read_image_facts(file))
        except Unreadable:
            strangers.append(file)
    return images, strangers


def _unreadable(files: Sequence[Path]) -> tuple[SeriesVerdict, ...]:
    """One verdict for all of them, with the names of the first."""
    if not files:
        return ()
    are = "1 file is" if len(files) == 1 else f"{len(files)} files are"
    names = ", ".join(sorted(file.name for file in files)[:NAMED])
    more = f" and {len(files) - NAMED} more" if len(files) > NAMED else ""
    words = f"{are} not readable DICOM: {names}{more}."
    return (SeriesVerdict("", "", len(files), Unsuitable(Reason.UNREADABLE, words)),)


def _no_images(unreadable: Sequence[Path]) -> Unsuitable:
    if len(unreadable) == 1 and is_picture(unreadable[0]):
        words = "By its name this is a picture (PNG or JPEG), no DICOM or NIfTI image."
        return Unsuitable(Reason.UNREADABLE, words)
    if len(unreadable) == 1:
        return Unsuitable(Reason.UNREADABLE, "This is no readable DICOM or NIfTI image.")
    if unreadable:
        return Unsuitable(Reason.UNREADABLE, f"None of {len(unreadable)} files is a readable DICOM or NIfTI image.")
    return Unsuitable(Reason.NO_IMAGES, "No files were given.")


def _none(modality: str, verdicts: tuple[SeriesVerdict, ...], why: Unsuitable) -> Choice:
    return Choice(modality, (), verdicts, why)


def _choose_series(images: Sequence[ImageFacts], rejected: tuple[SeriesVerdict, ...]) -> Choice:
    groups: dict[str, list[ImageFacts]] = defaultdict(list)
    for image in images:
        groups[image.header.SeriesInstanceUID].append(image)
    examined = [(group[0], len(group), examine(group)) for group in groups.values()]
    ranked = best_first([result for _, _, result in examined if isinstance(result, CtSeries)])
    best = ranked[0] if ranked else None
    verdicts = tuple(_verdict(image, count, result, best) for image, count, result in examined)
    modality = _modality(images)
    if not ranked:
        return _none(modality, verdicts + rejected, _why_none(modality, verdicts))
    return Choice("CT", tuple(ranked), verdicts + rejected)


def _verdict(image: ImageFacts, count: int, result: CtSeries | Unsuitable, best: CtSeries | None) -> SeriesVerdict:
    header = image.header
    why = result if isinstance(result, Unsuitable) else None
    if isinstance(result, CtSeries) and best is not None and result is not best:
        why = Unsuitable(Reason.BETTER_SERIES, _compared(result, best))
    return SeriesVerdict(header.SeriesInstanceUID, header.SeriesDescription, count, why)


def _compared(other: CtSeries, best: CtSeries) -> str:
    detail = f"{other.describe()}; analysed: {best.describe()}."
    beyond = other.beyond_mm(best)
    if beyond > 0:
        detail += f" This series shows {beyond:.0f} mm of the body that the analysed one does not."
    return detail


def _modality(images: Sequence[ImageFacts]) -> str:
    """The modality a study is listed under: CT before radiographs before whatever else there is most of."""
    sent = [image.header.Modality for image in images]
    for wanted in ("CT", *sorted(XRAY_MODALITIES)):
        if wanted in sent:
            return wanted
    return max(sorted(set(sent)), key=sent.count)


def _why_none(modality: str, verdicts: Sequence[SeriesVerdict]) -> Unsuitable:
    if modality in XRAY_MODALITIES:
        return Unsuitable(Reason.NO_XRAY_MODEL, "Radiographs are kept; no X-ray model is installed.")
    if modality != "CT":
        return Unsuitable(Reason.MODALITY, f"Modality {modality or 'unknown'} is not analysed.")
    reasons = [v.unsuitable for v in verdicts if v.unsuitable and v.unsuitable.reason not in _SIDE_SERIES]
    if len(reasons) == 1:
        return reasons[0]
    counted = ", ".join(sorted({why.reason.value for why in reasons})) or "only localizers, dose screens or reports"
    return Unsuitable(Reason.NO_SUITABLE_SERIES, f"None of {len(verdicts)} series can be analysed: {counted}.")


_SIDE_SERIES = frozenset({Reason.LOCALIZER, Reason.DOSE_SCREEN, Reason.MODALITY, Reason.NO_XRAY_MODEL})
"""Series that come with every CT study and never explain why it was not analysed."""
