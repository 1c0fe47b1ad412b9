"""From an analysed study to the objects that go back to the archive. No rows, no Django, no network."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydicom.dataset import Dataset

from pipelines.steps.key_image import Pixels, key_images
from pipelines.steps.report_pdf import report_pdf
from vfx_finder.dicom.capture import secondary_capture
from vfx_finder.dicom.encapsulated_pdf import encapsulated_pdf
from vfx_finder.dicom.headers import text
from vfx_finder.dicom.presentation import presentation_state
from vfx_finder.dicom.reformat import reformat_images
from vfx_finder.dicom.report import structured_report
from vfx_finder.dicom.result import Making, Result
from vfx_finder.dicom.sagittal import unpacked
from vfx_finder.dicom.segmentation import segmentation
from vfx_finder.dicom.source import SourceStudy, read_source
from vfx_finder.domain.age import age_at_study
from vfx_finder.domain.delivered import Kind, Stage, with_needed
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.guidance import report_text
from vfx_finder.domain.referral import eligibility
from vfx_finder.domain.review import Review, outcome
from vfx_finder.domain.study import Patient
from vfx_finder.domain.told import doubts, told

__all__ = ["Made", "Making", "objects"]


@dataclass(frozen=True)
class Made:
    """One object, ready to be written or sent: explicit little endian, with its file meta information."""

    kind: Kind
    SOPClassUID: str
    SOPInstanceUID: str
    dataset: Dataset


def objects(
    study_files: Sequence[Path],
    analysis: Analysis,
    review: Review | None,
    kinds: Collection[Kind],
    stage: Stage,
    making: Making,
) -> list[Made]:
    """The objects of these kinds, and of those that they lie on, in the order an archive should get them.

    `study_files` are the study's DICOM files as received: their headers are read, not their pixels. The same arguments
    give the same UIDs and the same bytes. Empty where the study was not analysed, and without kinds that cannot be
    made of it: no reformat, SEG or GSPS of radiographs, no picture where none was kept.

    Raises `ValueError` where stage and review do not fit together, `Unreadable` where the analysed images are gone.
    """
    if (stage is Stage.FINAL) != (review is not None):
        raise ValueError("A final result has a signed review, and a preliminary one has none.")
    if analysis.unsuitable is not None:
        return []
    workbench = _Workbench(_result(study_files, analysis, review, making))
    wanted = with_needed(kinds)
    return [_made(kind, dataset) for kind in Kind if kind in wanted for dataset in workbench.make(kind)]


def _result(files: Sequence[Path], analysis: Analysis, review: Review | None, making: Making) -> Result:
    source = read_source(files, _analysed_series(analysis))
    reformat = unpacked(analysis.reformat) if analysis.reformat and source.FrameOfReferenceUID else None
    return Result(source, analysis, told(analysis, review), review, making, reformat)


def _analysed_series(analysis: Analysis) -> str:
    chosen = [verdict.SeriesInstanceUID for verdict in analysis.series if verdict.unsuitable is None]
    if not chosen:
        raise Unreadable("The analysis does not say which series it is of.")
    return chosen[0]


def _made(kind: Kind, dataset: Dataset) -> Made:
    return Made(kind, str(dataset.SOPClassUID), str(dataset.SOPInstanceUID), dataset)


@dataclass(frozen=True)
class _Workbench:
    """Makes the objects of one result; what several of them lie on is made once."""

    result: Result

    def make(self, kind: Kind) -> list[Dataset]:
        """The objects of this kind; empty where it cannot be made of this result."""
        result = self.result
        match kind:
            case Kind.REFORMAT:
                return self._images
            case Kind.SC:
                return [secondary_capture(result, rgb, n) for n, rgb in enumerate(self._pictures, start=1)]
            case Kind.SR | Kind.SR_COMPREHENSIVE:
                return [structured_report(result, kind, self._words)]
            case Kind.SEG:
                return _if_any(segmentation(result, self._images))
            case Kind.GSPS:
                return _if_any(presentation_state(result, self._images))
            case Kind.PDF:
                return [encapsulated_pdf(result, report_pdf(result, self._words, self._pictures))]

    @cached_property
    def _images(self) -> list[Dataset]:
        return reformat_images(self.result)

    @cached_property
    def _pictures(self) -> list[Pixels]:
        return key_images(self.result)

    @cached_property
    def _words(self) -> str:
        """The report text that follows from a signed review; none before."""
        review = self.result.review
        if review is None:
            return ""
        analysis, age = self.result.analysis, self.result.making.age
        eligible = eligibility(_age(self.result.source) if age is None else age)
        return report_text(outcome(review), eligible, doubts(analysis, review.vertebrae), is_film=analysis.is_film)


def _if_any(dataset: Dataset | None) -> list[Dataset]:
    return [] if dataset is None else [dataset]


def _age(source: SourceStudy) -> int | None:
    said = {name: text(source.head, name) for name in ("PatientID", "PatientBirthDate", "PatientAge")}
    return age_at_study(Patient(**said), text(source.head, "StudyDate"))
