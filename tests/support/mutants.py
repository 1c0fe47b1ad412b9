"""Broken input by the thousand: datasets and whole streams with one to four wounds, the same for the same seed."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydicom import uid
from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE, ImplementationClassUIDNotification, MaximumLengthNotification
from pynetdicom.presentation import build_context

from tests.support import dicom

SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.JPEGLSLossless,
)
_WOUNDED = 1200
"""Wounds lie mostly in the first bytes, where a parser can stumble."""


def damaged_datasets(folder: Path, syntax: UID, count: int, random: np.random.Generator) -> Iterator[Path]:
    """Files of a CT slice whose dataset, not whose file meta information, is damaged."""
    folder.mkdir(exist_ok=True)
    file = dicom.encoded(dicom.recoded(dicom.ct_slice(), syntax))
    dataset = dicom.dataset_bytes(file)
    for number in range(count):
        path = folder / f"{number}.dcm"
        path.write_bytes(file[: len(file) - len(dataset)] + mutated(dataset, random))
        yield path


def damaged_streams(count: int, random: np.random.Generator) -> Iterator[bytes]:
    """What a broken peer would send over a whole association: request, one C-STORE, release, damaged."""
    whole = sound_stream()
    return (mutated(whole, random) for _ in range(count))


def sound_stream() -> bytes:
    """The undamaged one: a CT slice stored over one association."""
    image = dicom.ct_slice()
    dataset = dicom.dataset_bytes(dicom.encoded(image))
    command = _elements(
        {
            0x0002: _uid(image.SOPClassUID),
            0x0100: b"\x01\x00",
            0x0110: b"\x01\x00",
            0x0700: b"\x00\x00",
            0x0800: b"\x01\x00",
            0x1000: _uid(image.SOPInstanceUID),
        }
    )
    pieces = [_unit(1, 3, command), _unit(1, 0, dataset[:900]), _unit(1, 2, dataset[900:])]
    return b"".join([_request(), *pieces, b"\x05\x00\x00\x00\x00\x04\x00\x00\x00\x00"])


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """These bytes with one to four wounds."""
    wounds = (_flip, _cut_out, _double, _forge_length, _truncate)
    for _ in range(random.integers(1, 5)):
        data = wounds[random.integers(len(wounds))](data, random)
    return data


def _request() -> bytes:
    request = A_ASSOCIATE()
    request.application_context_name = UID("1.2.840.10008.3.1.1.1")
    request.calling_ae_title, request.called_ae_title = "FUZZER", "VFXFINDER"
    context = build_context(uid.CTImageStorage, uid.ExplicitVRLittleEndian)
    context.context_id = 1
    request.presentation_context_definition_list = [context]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16_384
    implementation.implementation_class_uid = UID("1.2.3.4")
    request.user_information = [length, implementation]
    pdu = A_ASSOCIATE_RQ()
    pdu.from_primitive(request)
    return pdu.encode()


def _unit(context_id: int, control: int, content: bytes) -> bytes:
    item = struct.pack(">IBB", len(content) + 2, context_id, control) + content
    return struct.pack(">BxI", 4, len(item)) + item


def _elements(values: dict[int, bytes]) -> bytes:
    body = b"".join(struct.pack("<HHI", 0, element, len(value)) + value for element, value in values.items())
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def _uid(value: str) -> bytes:
    return value.encode() + b"\0" * (len(value) % 2)


def _place(data: bytes, random: np.random.Generator) -> int:
    return int(random.integers(max(1, min(len(data), _WOUNDED))))


def _flip(data: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    return data[:at] + bytes([int(random.integers(256))]) + data[at + 1 :]


def _cut_out(data: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    return data[:at] + data[at + int(random.integers(1, 60)) :]


def _double(data: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    return data[: at + 40] + data[at:]


def _forge_length(data: bytes, random: np.random.Generator) -> bytes:
    at = _place(data, random)
    length = (0xFFFFFFFF, 0x7FFFFFFF, 0, 3)[random.integers(4)]
    return data[:at] + struct.pack("<I", length) + data[at + 4 :]


def _truncate(data: bytes, random: np.random.Generator) -> bytes:
    return data[: int(random.integers(len(data) // 2, len(data) + 1))]
