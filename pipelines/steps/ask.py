"""Asking an archive: is it there, what does it hold, hand this study over. Nothing here knows a row.

DICOM PS3.4 annex C, Study Root. Only series of pictures that are taken in are asked for, each by itself: a report or an
object of another kind beside them would be refused on arrival and make every study look incomplete.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

from pydicom import Dataset
from pydicom.multival import MultiValue
from pynetdicom import build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)

from pipelines.steps.association import Roles, associated, connection_of
from pipelines.steps.dicom_peer import OUT_OF_RESOURCES, SUCCESS, WARNING, Peer
from pipelines.steps.line import cut_after
from vfx_finder.dicom.accepted import STORAGE_CLASSES, TRANSFER_SYNTAXES
from vfx_finder.dicom.headers import text
from vfx_finder.dicom.part10 import Announced
from vfx_finder.domain.age import age_at_study
from vfx_finder.domain.errors import NotAllowed, Retry
from vfx_finder.domain.retrieval import Fetched, Listed
from vfx_finder.domain.study import Modality, Patient

FIND = StudyRootQueryRetrieveInformationModelFind
GET = StudyRootQueryRetrieveInformationModelGet
MOVE = StudyRootQueryRetrieveInformationModelMove

PENDING = frozenset({0xFF00, 0xFF01})
UNKNOWN_DESTINATION = 0xA801
"""DICOM PS3.4 tables C.4-1 and C.4-2."""

MOST_STUDIES = 20_000
"""Of one answer; an archive that lists more in a day does not heed the day."""

GRACE_S = 5.0
OF_EACH_SYNTAX = 6
"""The first classes of `STORAGE_CLASSES`, CT to X-ray, are proposed once for each transfer syntax, so that C-GET brings
images as they are; an association holds 128 proposals."""

STUDY_KEYS = (
    "StudyInstanceUID", "StudyDate", "StudyDescription", "ModalitiesInStudy", "PatientID", "IssuerOfPatientID",
    "PatientBirthDate",
)  # fmt: skip
IMAGES = frozenset({Modality.CT, Modality.CR, Modality.DX})

Take = Callable[[Announced, bytes], int]
"""Keeps one instance that was asked for by C-GET; the status of the answer to its C-STORE."""

Stopped = Callable[[], bool]


class TooMany(Retry):
    """The archive has more to list than it is willing to."""


@dataclass(frozen=True)
class ByMove:
    """Handed over by C-MOVE, to the application entity of this title: ours, with our address in the archive's list."""

    destination: str


@dataclass(frozen=True)
class ByGet:
    """Handed over by C-GET on the same association."""

    take: Take


Way = ByMove | ByGet


def echo(peer: Peer) -> None:
    """C-ECHO. Raises `PeerAway`, or `Retry` for an archive that answers otherwise than with success."""
    with associated(peer, [build_context(Verification)]) as association:
        _need(association, Verification, "C-ECHO")
        with cut_after(peer.patience.answer_s + GRACE_S, connection_of(association)):
            answer = association.send_c_echo()
    if answer.get("Status") != SUCCESS:
        raise Retry(f"The archive answers C-ECHO with {_hex(answer)}.")


def studies_of_day(peer: Peer, day: date, modality: str, description: str = "") -> tuple[Listed, ...]:
    """The studies of one day that hold this modality, by C-FIND. `description` may have wildcards.

    Where the archive says that a day is too many it is asked hour by hour. Raises `PeerAway`, `Retry` or `NotAllowed`.
    """
    keys = {"StudyDate": f"{day:%Y%m%d}", "ModalitiesInStudy": modality, "StudyDescription": description}
    try:
        found = _studies(peer, keys)
    except TooMany:
        hours = [_studies(peer, keys | {"StudyTime": f"{hour:02d}0000-{hour:02d}5959"}) for hour in range(24)]
        found = tuple({one.StudyInstanceUID: one for part in hours for one in part}.values())
    return tuple(one for one in found if not one.ModalitiesInStudy or modality in one.ModalitiesInStudy.split("\\"))


def studies_of_patient(peer: Peer, PatientID: str, modality: str, before: date) -> tuple[Listed, ...]:
    """The studies of a patient until the day before this one, by C-FIND. Raises as `studies_of_day`.

    An archive may match more loosely than asked: compare what comes back.
    """
    until = date.fromordinal(before.toordinal() - 1)
    return _studies(peer, {"PatientID": PatientID, "ModalitiesInStudy": modality, "StudyDate": f"-{until:%Y%m%d}"})


def fetch(peer: Peer, StudyInstanceUID: str, way: Way, stopped: Stopped = lambda: False) -> Fetched:
    """Have the pictures of one study handed over, series by series.

    What the archive says is returned, also where it is not all. Raises `PeerAway`, `NotAllowed` for what would be
    refused of every study (an unknown destination, a missing service), `Retry` where it goes silent or says no.
    """
    with associated(peer, _contexts(way), _handlers(way), _roles(way)) as association:
        _need(association, FIND, "C-FIND")
        _need(association, MOVE if isinstance(way, ByMove) else GET, "C-MOVE" if isinstance(way, ByMove) else "C-GET")
        wanted = list(_series(association, StudyInstanceUID, peer))
        parts = [_fetch_series(association, one, way, stopped) for one in wanted]
    if not parts:
        return Fetched(0, 0, "The archive lists no series of pictures in this study.")
    words = next((part.words for part in parts if part.words), "")
    return Fetched(sum(part.completed for part in parts), sum(part.failed for part in parts), words)


def _studies(peer: Peer, keys: dict[str, str]) -> tuple[Listed, ...]:
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    for keyword in STUDY_KEYS:
        setattr(query, keyword, "")
    for keyword, value in keys.items():
        setattr(query, keyword, value)
    with associated(peer, [build_context(FIND)]) as association:
        _need(association, FIND, "C-FIND")
        found = [_listed(one) for one in _find(association, query, peer)]
    return tuple(one for one in found if one.StudyInstanceUID)


def _find(association: Association, query: Dataset, peer: Peer) -> Iterator[Dataset]:
    answers = association.send_c_find(query, FIND)
    for count in range(MOST_STUDIES + 1):
        with cut_after(peer.patience.answer_s + GRACE_S, connection_of(association)):
            answer, found = next(answers, (Dataset(), None))
        status = answer.get("Status")
        if status == SUCCESS:
            return
        if status not in PENDING:
            raise _query_refused(answer)
        if found is not None and count < MOST_STUDIES:
            yield found
    association.abort()
    raise Retry("The archive lists far more studies than there can be.")


def _query_refused(answer: Dataset) -> Retry:
    if "Status" not in answer:
        return Retry("The archive went silent in mid-answer.")
    if int(answer.Status) in OUT_OF_RESOURCES:
        return TooMany(f"The archive has too much to list ({_hex(answer)}).")
    return Retry(f"The archive refuses the query with {_hex(answer)}.")


def _listed(found: Dataset) -> Listed:
    born = Patient(text(found, "PatientID"), PatientBirthDate=text(found, "PatientBirthDate"))
    return Listed(
        StudyInstanceUID=text(found, "StudyInstanceUID"),
        StudyDate=text(found, "StudyDate"),
        StudyDescription=text(found, "StudyDescription"),
        ModalitiesInStudy=text(found, "ModalitiesInStudy"),
        PatientID=text(found, "PatientID"),
        IssuerOfPatientID=text(found, "IssuerOfPatientID"),
        age=age_at_study(born, text(found, "StudyDate")),
    )


def _series(association: Association, StudyInstanceUID: str, peer: Peer) -> Iterator[Dataset]:
    """What to ask for: the identifiers of every series of pictures in the study."""
    query = Dataset()
    query.QueryRetrieveLevel = "SERIES"
    query.StudyInstanceUID = StudyInstanceUID
    query.SeriesInstanceUID = query.Modality = ""
    for found in list(_find(association, query, peer)):
        if text(found, "Modality") in IMAGES and text(found, "SeriesInstanceUID"):
            wanted = Dataset()
            wanted.QueryRetrieveLevel = "SERIES"
            wanted.StudyInstanceUID = StudyInstanceUID
            wanted.SeriesInstanceUID = text(found, "SeriesInstanceUID")
            yield wanted


def _fetch_series(association: Association, wanted: Dataset, way: Way, stopped: Stopped) -> Fetched:
    if isinstance(way, ByMove):
        answers = association.send_c_move(wanted, way.destination, MOVE)
    else:
        answers = association.send_c_get(wanted, GET)
    while True:
        # Not cut: a series may take long without a word, and pynetdicom itself gives up after `answer_s` of silence.
        answer, _ = next(answers, (Dataset(), None))
        if "Status" not in answer:
            raise Retry("The archive went silent while it handed the study over.")
        if answer.Status not in PENDING:
            return _outcome(answer, way)
        if stopped():
            association.abort()
            raise Retry("Stopped on this side.")


def _outcome(answer: Dataset, way: Way) -> Fetched:
    status = int(answer.Status)
    if status == UNKNOWN_DESTINATION and isinstance(way, ByMove):
        raise NotAllowed(f"The archive does not know the AE title {way.destination} that it should send to.")
    completed = _count(answer, "NumberOfCompletedSuboperations") + _count(answer, "NumberOfWarningSuboperations")
    failed = _count(answer, "NumberOfFailedSuboperations")
    if status != SUCCESS and status not in WARNING and not completed:
        raise Retry(f"The archive did not hand the study over ({_hex(answer)}).")
    words = f"{failed} of {completed + failed} images were not handed over ({_hex(answer)})." if failed else ""
    return Fetched(completed, failed, words)


def _count(answer: Dataset, keyword: str) -> int:
    value = answer.get(keyword)
    return int(value) if value is not None and not isinstance(value, MultiValue) else 0


def _hex(answer: Dataset) -> str:
    return f"0x{int(answer.Status):04X}" if "Status" in answer else "nothing"


def _need(association: Association, sop_class: str, name: str) -> None:
    if sop_class not in {str(one.abstract_syntax) for one in association.accepted_contexts}:
        raise NotAllowed(f"The archive does not offer {name} to this system.")


def _contexts(way: Way) -> Sequence[PresentationContext]:
    if isinstance(way, ByMove):
        return [build_context(FIND), build_context(MOVE)]
    each = [build_context(kind, one) for kind in STORAGE_CLASSES[:OF_EACH_SYNTAX] for one in TRANSFER_SYNTAXES]
    rest = [build_context(kind, list(TRANSFER_SYNTAXES)) for kind in STORAGE_CLASSES[OF_EACH_SYNTAX:]]
    return [build_context(FIND), build_context(GET), *each, *rest]


def _roles(way: Way) -> Roles:
    return [] if isinstance(way, ByMove) else [build_role(kind, scp_role=True) for kind in STORAGE_CLASSES]


def _handlers(way: Way) -> list[evt.EventHandlerType]:
    if isinstance(way, ByMove):
        return []
    take = way.take

    def on_c_store(event: evt.Event) -> int:
        request = cast(C_STORE, event.request)
        announced = Announced(
            str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID), str(event.context.transfer_syntax)
        )
        return take(announced, event.encoded_dataset(include_meta=False))

    return [(evt.EVT_C_STORE, on_c_store)]
