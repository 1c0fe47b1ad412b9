"""Out to an archive by DICOMweb: STOW-RS (DICOM PS3.18 section 10.5), an answer for every instance."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

from pydicom import dcmwrite

from pipelines.steps.dicom_peer import is_hopeless, is_stored, words_for
from pipelines.steps.send import Sendable
from pipelines.steps.web_peer import BrokenOff, Reply, WebPeer, ask
from vfx_finder.domain.delivery import Answer
from vfx_finder.domain.errors import Retry

JSON = "application/dicom+json"

MODULE = {"stored": "00081199", "failed": "00081198", "instance": "00081155", "reason": "00081197"}
"""Referenced SOP Sequence, Failed SOP Sequence, Referenced SOP Instance UID, Failure Reason (PS3.18 table 10.5.3-1)."""

HOPELESS = frozenset({400, 413, 415})
"""HTTP answers that the same objects would get again; the others may change, some of them by an operator."""
WORDS = {
    400: "the archive cannot read the request",
    401: "the archive does not accept the token",
    403: "the archive does not allow it",
    404: "there is no STOW-RS service at this address",
    405: "this address takes no STOW-RS",
    409: "refused",
    413: "the objects are too large for the archive",
    415: "the archive does not take this media type",
    507: "the archive is out of space",
}


def store(peer: WebPeer, objects: Sequence[Sendable]) -> tuple[Answer, ...]:
    """STOW these objects in one request; one answer for each, in their order.

    Raises `PeerAway` where nobody answers, or a gateway says that nobody is behind it.
    """
    body, boundary = _multipart([_file(one) for one in objects])
    headers = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}', "Accept": JSON}
    try:
        reply = ask(peer, "POST", "/studies", (headers, body))
    except BrokenOff as error:
        return tuple(_tell(one, None, f"the connection was broken off: {error}", accepted=False) for one in objects)
    said = _said(reply)
    return tuple(_answer(one, reply.status, said) for one in objects)


def try_out(peer: WebPeer) -> str:
    """Ask for at most one study (QIDO-RS) and return what came of it in words. Raises `PeerAway` or `Retry`."""
    try:
        reply = ask(peer, "GET", "/studies?limit=1", ({"Accept": JSON}, b""))
    except BrokenOff as error:
        raise Retry(f"It took the connection and broke it off: {error}.") from None
    if reply.status in {200, 204}:
        return f"Answered: HTTP {reply.status}."
    if reply.status in {405, 501}:
        return f"Answered: HTTP {reply.status}; it offers no search, storing is tried with the first result."
    raise Retry(f"It answers, but {WORDS.get(reply.status, 'not as a DICOMweb service does')} (HTTP {reply.status}).")


def _answer(one: Sendable, status: int, said: Mapping[str, int | None]) -> Answer:
    """What the reply says of this instance; where it names none, its HTTP status speaks for all."""
    uid = one.SOPInstanceUID
    if uid in said and said[uid] is None:
        return _tell(one, status, "stored", accepted=True)
    if uid in said:
        reason = said[uid] or 0
        return _tell(one, reason, words_for(reason), accepted=is_stored(reason), hopeless=is_hopeless(reason))
    if status == 200 and not said:
        return _tell(one, status, "stored", accepted=True)
    words = WORDS.get(status, "the reply does not name it" if said else "not stored")
    return _tell(one, status, f"{words} (HTTP {status})", accepted=False, hopeless=status in HOPELESS)


def _tell(one: Sendable, status: int | None, words: str, *, accepted: bool, hopeless: bool = False) -> Answer:
    return Answer(one.kind, one.SOPInstanceUID, status, words, accepted, hopeless, one.SOPClassUID)


def _said(reply: Reply) -> dict[str, int | None]:
    """By SOPInstanceUID: its Failure Reason, None for stored; empty where the reply is not what the standard says."""
    try:
        document = json.loads(reply.content or b"{}")
        document = document[0] if isinstance(document, list) else document
        stored = {_uid(item): None for item in _items(document, "stored")}
        failed = {_uid(item): _reason(item) for item in _items(document, "failed")}
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return {}
    return {**stored, **failed}


def _items(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return list(document.get(MODULE[name], {}).get("Value", []))


def _uid(item: Mapping[str, Any]) -> str:
    return str(item[MODULE["instance"]]["Value"][0])


def _reason(item: Mapping[str, Any]) -> int:
    return int(item.get(MODULE["reason"], {}).get("Value", [0x0110])[0])


def _file(one: Sendable) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, one.dataset, enforce_file_format=True)
    return buffer.getvalue()


def _multipart(files: Sequence[bytes]) -> tuple[bytes, str]:
    """The body and its boundary, which is a digest of the files and so in none of them."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file)
    boundary = digest.hexdigest()
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts = [head + file + b"\r\n" for file in files]
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), boundary
