"""Out to other systems of the hospital: HL7 v2 over MLLP, and FHIR R4; told only when they said that they took it."""

import json
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pipelines.steps.line import USUAL, Patience, cut_after, reason_of
from pipelines.steps.web_peer import BrokenOff, Reply, WebPeer, ask
from vfx_finder.domain.delivery import Answer, PeerAway
from vfx_finder.domain.errors import Retry, Unreadable
from vfx_finder.interop.acknowledgement import answer_in
from vfx_finder.interop.hl7 import read
from vfx_finder.interop.mllp import Stream, framed

ORU, BUNDLE = "oru-r01", "fhir-bundle"
"""What an `Answer` is about."""

FHIR_JSON = "application/fhir+json"
_PIECE = 65536
_MEND_FIRST = ("AE", "CE")
"""The receiver says that the content must be mended (HL7 v2.5.1 table 0008); after AR and CR it may be sent again."""
_HOPELESS = frozenset({400, 409, 412, 413, 415, 422})
_WORDS: Mapping[int, str] = {
    400: "the server cannot read the transaction",
    401: "the server does not accept the token",
    403: "the server does not allow it",
    404: "there is no FHIR service at this address",
    405: "this address takes no transactions",
    409: "the transaction conflicts with what is there",
    412: "the server's preconditions are not met",
    413: "the transaction is too large for the server",
    422: "the server's rules do not allow the content",
}


@dataclass(frozen=True)
class MllpPeer:
    """A system that hears HL7 v2. `tls` where it wants that."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    patience: Patience = USUAL


def tell_hl7(peer: MllpPeer, message: bytes, control_id: str) -> Answer:
    """Send one message and wait for its acknowledgement.

    Accepted is only what was answered AA or CA under its own control ID. Raises `PeerAway` where nobody is there.
    """
    line = _connected(peer)
    try:
        with cut_after(peer.patience.for_bytes(len(message)), lambda: line):
            answer = answer_in(_exchanged(line, message, peer.patience), control_id)
    except Unreadable as error:
        return Answer(ORU, "", None, f"Its answer is no acknowledgement: {error}", accepted=False)
    except OSError as error:
        return Answer(ORU, "", None, f"No acknowledgement: {reason_of(error)}.", accepted=False)
    finally:
        line.close()
    said = "" if answer.accepted else _without_patient(answer.words, message)
    words = f"{answer.code}: {said}" if said else answer.code
    return Answer(ORU, "", None, words, answer.accepted, hopeless=answer.code in _MEND_FIRST)


def try_mllp(peer: MllpPeer) -> str:
    """Connect and hang up: HL7 v2 has no test message. Raises `PeerAway`."""
    _connected(peer).close()
    return "It takes connections; the first result will show whether it takes messages."


def tell_fhir(peer: WebPeer, bundle: Mapping[str, Any]) -> Answer:
    """POST a transaction; accepted only where the server says so of every entry. Raises `PeerAway`."""
    headers = {"Content-Type": FHIR_JSON, "Accept": FHIR_JSON, "Prefer": "return=minimal"}
    try:
        reply = ask(peer, "POST", "", (headers, json.dumps(bundle).encode()))
    except BrokenOff as error:
        return Answer(BUNDLE, "", None, f"The connection was broken off: {error}.", accepted=False)
    if reply.status not in {200, 201}:
        return _refused(reply)
    done = [_status_of(entry) for entry in _listed(reply, "entry")]
    if len(done) == len(bundle["entry"]) and all(200 <= status < 300 for status in done):
        return Answer(BUNDLE, "", reply.status, f"Taken: {len(done)} resources.", accepted=True)
    words = f"The server did not say that it took all {len(bundle['entry'])} resources (HTTP {reply.status})."
    return Answer(BUNDLE, "", reply.status, words, accepted=False)


def try_fhir(peer: WebPeer) -> str:
    """Ask for the server's capabilities. Raises `PeerAway`, or `Retry` where it is no FHIR R4 server."""
    try:
        reply = ask(peer, "GET", "/metadata", ({"Accept": FHIR_JSON}, b""))
    except BrokenOff as error:
        raise Retry(f"It took the connection and broke it off: {error}.") from None
    version = str(_document(reply).get("fhirVersion", ""))
    if reply.status == 200 and version.startswith("4."):
        return f"Answered: FHIR {version[:12]}."
    if reply.status == 200:
        raise Retry("It answers, but not as a FHIR R4 server does.")
    raise Retry(f"It answers, but {_WORDS.get(reply.status, 'not as a FHIR server does')} (HTTP {reply.status}).")


def _connected(peer: MllpPeer) -> socket.socket:
    line = None
    try:
        line = socket.create_connection((peer.host, peer.port), timeout=peer.patience.connect_s)
        return peer.tls.wrap_socket(line, server_hostname=peer.host) if peer.tls else line
    except OSError as error:
        if line is not None:
            line.close()
        raise PeerAway(f"The system cannot be reached: {reason_of(error)}.") from None


def _exchanged(line: socket.socket, message: bytes, patience: Patience) -> bytes:
    """The first message that comes back. Raises `OSError` where none comes in time."""
    line.settimeout(patience.answer_s)
    line.sendall(framed(message))
    stream, until = Stream(), time.monotonic() + patience.answer_s
    while time.monotonic() < until:
        piece = line.recv(_PIECE)
        if not piece:
            raise ConnectionError("It hung up.")
        for answer in stream.feed(piece):
            with suppress(OSError):  # a polite end; it may be gone by now
                line.shutdown(socket.SHUT_WR)
            return answer
    raise TimeoutError


def _without_patient(words: str, message: bytes) -> str:
    """The receiver's words for its refusal on one line; nothing where they quote the patient whom we told of."""
    plain = " ".join(words.split())[:120]
    patient = read(message).first("PID")
    told = [part for number in (3, 5, 7) for part in patient.raw(number).split("^")] if patient else []
    quotes = any(len(part) > 1 and part.casefold() in plain.casefold() for part in told)
    return "its words name the patient and are not kept" if quotes else plain


def _refused(reply: Reply) -> Answer:
    said = _WORDS.get(reply.status, "not taken")
    codes = ", ".join(sorted({str(issue.get("code", ""))[:32] for issue in _issues(reply)} - {""}))
    words = f"{said} (HTTP {reply.status}{f'; {codes}' if codes else ''})"
    return Answer(BUNDLE, "", reply.status, words, accepted=False, hopeless=reply.status in _HOPELESS)


def _issues(reply: Reply) -> list[Mapping[str, Any]]:
    """The issues of an OperationOutcome; only their codes are kept, its words may quote a patient."""
    return [issue for issue in _listed(reply, "issue") if isinstance(issue, dict)]


def _listed(reply: Reply, name: str) -> list[Any]:
    found = _document(reply).get(name, [])
    return found if isinstance(found, list) else []


def _document(reply: Reply) -> Mapping[str, Any]:
    try:
        document = json.loads(reply.content or b"{}")
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _status_of(entry: object) -> int:
    response = entry.get("response", {}) if isinstance(entry, dict) else {}
    said = str(response.get("status", "")) if isinstance(response, dict) else ""
    return int(said[:3]) if said[:3].isdecimal() else 0
