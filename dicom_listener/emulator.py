"""An emulated modality: sends DICOM files or datasets over real associations, as a scanner or a PACS would.

Used by the demo and the tests; nothing in it knows how this listener works.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from pydicom import Dataset, dcmwrite
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.pdu import A_ASSOCIATE_RJ
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from vfx_finder.dicom.own_side import own_side
from vfx_finder.dicom.turns import AssociationEnded, take_turns
from vfx_finder.domain.errors import NotAllowed, Retry, Unreadable

_config.STORE_SEND_CHUNKED_DATASET = True  # a file goes out byte for byte, it is not decoded and encoded again

SUCCESS = 0x0000
MAX_CONTEXTS = 128
"""Presentation contexts an association can propose: odd numbers below 256 (DICOM PS3.8 section 9.3.2.2)."""

PATIENCE_S = 120
"""How long an answer is waited for: a busy receiver is no dead one."""

_META = ("MediaStorageSOPClassUID", "MediaStorageSOPInstanceUID", "TransferSyntaxUID")

Image = Path | Dataset
Context = tuple[str, str]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Address:
    """A DICOM peer: where it is, its AE title, and the AE title to call it with."""

    host: str
    port: int
    called: str = "ANY-SCP"
    calling: str = "MODALITY"


@dataclass(frozen=True)
class Sent:
    """One instance and what became of it. `status` is None when no answer came; then `comment` says why."""

    SOPInstanceUID: str
    status: int | None
    comment: str = ""


@dataclass(frozen=True)
class SendReport:
    """What the peer answered, in the order of sending."""

    sent: tuple[Sent, ...]

    @property
    def accepted(self) -> tuple[str, ...]:
        """SOPInstanceUIDs that were answered with success."""
        return tuple(one.SOPInstanceUID for one in self.sent if one.status == SUCCESS)

    @property
    def refused(self) -> tuple[Sent, ...]:
        """Everything else."""
        return tuple(one for one in self.sent if one.status != SUCCESS)


@dataclass(frozen=True)
class _Parcel:
    """A file ready to go: its presentation context (SOP Class, transfer syntax) and identity."""

    path: Path
    context: Context
    SOPInstanceUID: str


def send(
    images: Iterable[Image], host: str, port: int, calling: str, called: str, progress: Progress | None = None
) -> SendReport:
    """Send these files (or datasets with file meta) by C-STORE; one association for every 128 presentation contexts.

    `progress(done, total)` is called after each. Raises `Retry` when nobody answers there, `NotAllowed` when the
    peer refuses the association, `Unreadable` for a file that is not DICOM.
    """
    say = progress or (lambda _done, _total: None)
    sent: list[Sent] = []
    with TemporaryDirectory(prefix="vfx-modality-") as folder:
        parcels = [_parcel(_as_file(image, Path(folder))) for image in images]
        for one in _stored(Address(host, port, called, calling), parcels):
            sent.append(one)
            say(len(sent), len(parcels))
    return SendReport(tuple(sent))


def _stored(address: Address, parcels: Sequence[_Parcel]) -> Iterator[Sent]:
    for contexts in _in_lots(sorted({parcel.context for parcel in parcels})):
        chosen = [one for one in parcels if one.context in contexts]
        with associated(address, contexts) as association:
            yield from (_store(association, parcel) for parcel in chosen)


def echo(address: Address) -> bool:
    """Whether the peer answers a C-ECHO with success. Raises `Retry` or `NotAllowed` as `send` does."""
    with associated(address, [(str(Verification), "1.2.840.10008.1.2")]) as association:
        return bool(association.send_c_echo().get("Status") == SUCCESS)


@contextmanager
def associated(address: Address, contexts: Sequence[Context]) -> Iterator[Association]:
    """An open association with these contexts proposed, released at the end of the block."""
    entity = AE(ae_title=address.calling)
    entity.connection_timeout = 10
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = PATIENCE_S
    for sop_class, transfer_syntax in contexts:
        entity.add_requested_context(sop_class, transfer_syntax)
    rejections: list[A_ASSOCIATE_RJ] = []
    association = entity.associate(
        address.host,
        address.port,
        ae_title=address.called,
        max_pdu=131_072,
        bind_address=_own_side(address),
        evt_handlers=[(evt.EVT_PDU_RECV, _note_rejection, [rejections])],
    )
    # pynetdicom takes a rejection that comes very fast for a connection that failed.
    if association.is_rejected or rejections:
        raise NotAllowed("The receiver refused the association.")
    # A peer that takes none of the contexts still lets us in; each image then says so.
    if not association.is_established and not association.rejected_contexts:
        raise Retry("The receiver did not answer.")
    take_turns(association)
    try:
        yield association
    finally:
        if association.is_established:
            with suppress(AssociationEnded):
                association.release()


def images_under(path: Path) -> list[Path]:
    """This file, or every DICOM file below this folder, in the order of their names."""
    if path.is_file():
        return [path]
    return [file for file in sorted(path.rglob("*")) if file.is_file() and _is_part_10(file)]


def _is_part_10(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _note_rejection(event: evt.Event, rejections: list[A_ASSOCIATE_RJ]) -> None:
    if isinstance(event.pdu, A_ASSOCIATE_RJ):
        rejections.append(event.pdu)


def _own_side(address: Address) -> tuple[str, int]:
    try:
        return own_side(address.host, address.port)
    except OSError as error:
        raise Retry("The receiver cannot be reached.") from error


def _as_file(image: Image, folder: Path) -> Path:
    """A file to send; a dataset is written in its own transfer syntax, so that it travels as it is."""
    if isinstance(image, Path):
        return image
    path = folder / uuid4().hex
    dcmwrite(path, image, enforce_file_format=True)
    return path


def _parcel(path: Path) -> _Parcel:
    try:
        meta = read_file_meta_info(path)
    except (InvalidDicomError, EOFError):
        raise Unreadable("This is not a DICOM file.") from None
    missing = [keyword for keyword in _META if keyword not in meta]
    if missing:
        raise Unreadable(f"The file meta information lacks {', '.join(missing)}.")
    context = (str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID))
    return _Parcel(path, context, str(meta.MediaStorageSOPInstanceUID))


def _in_lots(contexts: Sequence[Context]) -> Iterator[Sequence[Context]]:
    for start in range(0, len(contexts), MAX_CONTEXTS):
        yield contexts[start : start + MAX_CONTEXTS]


def _store(association: Association, parcel: _Parcel) -> Sent:
    accepted = {(str(one.abstract_syntax), str(one.transfer_syntax[0])) for one in association.accepted_contexts}
    if parcel.context not in accepted:
        return Sent(parcel.SOPInstanceUID, None, "The receiver does not take this kind of image.")
    if not association.is_established:
        return Sent(parcel.SOPInstanceUID, None, "The association is closed.")
    try:
        answer = association.send_c_store(parcel.path)
    except RuntimeError:  # the peer went meanwhile
        return Sent(parcel.SOPInstanceUID, None, "The association is closed.")
    if "Status" not in answer:
        return Sent(parcel.SOPInstanceUID, None, "No answer came.")
    return Sent(parcel.SOPInstanceUID, int(answer.Status), str(answer.get("ErrorComment", "")))
