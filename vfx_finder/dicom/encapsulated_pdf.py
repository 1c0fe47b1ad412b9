"""The report as Encapsulated PDF (PS3.3 A.45.1): for people, where nothing else is shown."""

from pydicom.dataset import Dataset
from pydicom.uid import EncapsulatedPDFStorage

from vfx_finder.dicom.result import Result, dress
from vfx_finder.domain.delivered import Kind


def encapsulated_pdf(result: Result, pdf: bytes) -> Dataset:
    """The PDF with patient and study around it; verified exactly when a radiologist has signed."""
    document = Dataset()
    document.SOPClassUID, document.Modality = EncapsulatedPDFStorage, "DOC"
    document.ConversionType, document.BurnedInAnnotation = "WSD", "YES"
    document.DocumentTitle = result.series_description(Kind.PDF)
    document.VerificationFlag = "VERIFIED" if result.review else "UNVERIFIED"
    document.MIMETypeOfEncapsulatedDocument = "application/pdf"
    document.ConceptNameCodeSequence = []
    document.SourceInstanceSequence = [_reference(one.SOPClassUID, one.SOPInstanceUID) for one in result.source.images]
    document.EncapsulatedDocumentLength = len(pdf)
    document.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    document.AcquisitionDateTime = None
    return dress(document, result, Kind.PDF)


def _reference(SOPClassUID: str, SOPInstanceUID: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = SOPClassUID, SOPInstanceUID
    return item
