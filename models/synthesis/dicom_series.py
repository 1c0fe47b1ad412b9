"""A synthetic CT volume as a DICOM series that says of itself that it is synthetic."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian

from models.synthesis.volumes import FieldOfView

MANUFACTURER = "vfx_finder synthetic"


@dataclass(frozen=True)
class SyntheticPatient:
    """The made-up patient of a synthetic study; `StudyDate` and `PatientBirthDate` are DICOM dates, may be empty."""

    PatientID: str
    PatientName: str
    PatientSex: str
    PatientAge: str
    PatientBirthDate: str
    StudyDate: str
    StudyDescription: str


def uid(*parts: object) -> str:
    """A UID that depends on its parts alone (UUID-derived, PS3.5 B.2)."""
    digest = hashlib.sha256("|".join(map(str, parts)).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big') >> 1}"


def write_series(folder: Path, patient: SyntheticPatient, volume: NDArray[np.int16], field: FieldOfView) -> list[Path]:
    """Write one axial CT series, one file a slice from the feet up; volume [x, y, z] in HU. Returns the files.

    Its UIDs follow from its content: the same series always has the same ones, another one never.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content = _digest(patient, volume, field)
    written = []
    for k in range(volume.shape[2]):
        ds = _slice(patient, field, k, content)
        ds.PixelData = (volume[:, :, k].T + 1024).astype("<u2").tobytes()
        path = folder / f"{k + 1:04d}.dcm"
        ds.save_as(path, enforce_file_format=True)
        written.append(path)
    return written


def _digest(patient: SyntheticPatient, volume: NDArray[np.int16], field: FieldOfView) -> str:
    """Of whatever the files say: who, where, and every pixel."""
    said = hashlib.sha256(f"{patient}|{field}|{volume.shape}".encode())
    said.update(volume.tobytes())
    return said.hexdigest()


def _slice(patient: SyntheticPatient, field: FieldOfView, k: int, content: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(uid(content, "instance", k))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", Dataset(), file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    for keyword, value in vars(patient).items():
        setattr(ds, keyword, value)
    ds.StudyInstanceUID = uid(content, "study")
    ds.SeriesInstanceUID = uid(content, "series")
    ds.FrameOfReferenceUID = uid(content, "frame")
    ds.AccessionNumber = patient.PatientID.replace("-", "")
    ds.Modality, ds.Manufacturer, ds.StudyTime = "CT", MANUFACTURER, "090000"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SeriesDescription, ds.SeriesNumber, ds.InstanceNumber = "SYNTHETIC soft tissue", 2, k + 1
    ds.BurnedInAnnotation, ds.KVP, ds.ConvolutionKernel, ds.PatientPosition = "NO", "120", "SYNTHETIC", "HFS"
    x, y, z = (float(v) for v in field.origin + np.array([0, 0, k * field.slice_mm]))
    ds.ImagePositionPatient = [round(x, 3), round(y, 3), round(z, 3)]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [field.pixel_mm, field.pixel_mm]
    ds.SliceThickness = ds.SpacingBetweenSlices = field.slice_mm
    ds.SliceLocation = round(z, 3)
    ds.Rows, ds.Columns = field.size[1], field.size[0]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
    ds.WindowCenter, ds.WindowWidth = 300, 1500
    return ds
