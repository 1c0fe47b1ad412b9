"""A web service that we call: one request, one reply, a limit for every wait. Redirections are not followed: results
go where the operator said, and nowhere else."""

import http.client
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from pipelines.steps.line import USUAL, Patience, cut_after, reason_of
from vfx_finder.domain.delivery import PeerAway

LARGEST_ANSWER = 1_000_000
AWAY = frozenset({502, 503, 504})
"""HTTP answers of a gateway that nobody is behind."""


@dataclass(frozen=True)
class WebPeer:
    """A web service. `url` is its root, to which paths are added; `token` goes into Authorization.

    A token that begins with "Basic " or "Bearer " is sent as it is, any other one as a bearer token.
    """

    url: str
    token: str = ""
    tls: ssl.SSLContext | None = None
    patience: Patience = USUAL


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    content: bytes


class BrokenOff(Exception):
    """The connection stood, and ended without an answer."""


def ask(peer: WebPeer, method: str, path: str, message: tuple[dict[str, str], bytes]) -> Reply:
    """Send a request (headers, body) and wait for its reply.

    Raises `PeerAway` where nobody is there, `BrokenOff` where somebody was and did not answer.
    """
    headers, body = message
    line = _line(peer)
    try:
        line.connect()
    except OSError as error:
        raise PeerAway(f"The service cannot be reached: {reason_of(error)}.") from None
    try:
        with cut_after(peer.patience.for_bytes(len(body)), lambda: line.sock):
            line.sock.settimeout(peer.patience.answer_s)
            root = urlsplit(peer.url).path.rstrip("/")
            line.request(method, (root + path) or "/", body or None, {**headers, **_authorization(peer.token)})
            reply = line.getresponse()
            return _unless_away(Reply(reply.status, reply.read(LARGEST_ANSWER)))
    except (OSError, http.client.HTTPException) as error:
        raise BrokenOff(reason_of(error)) from None
    finally:
        line.close()


def _unless_away(reply: Reply) -> Reply:
    if reply.status in AWAY:
        raise PeerAway(f"The service cannot be reached: HTTP {reply.status}.")
    return reply


def _line(peer: WebPeer) -> http.client.HTTPConnection:
    parts = urlsplit(peer.url)
    host, limit = parts.hostname or "", peer.patience.connect_s
    if parts.scheme == "https":
        return http.client.HTTPSConnection(host, parts.port, timeout=limit, context=peer.tls)
    return http.client.HTTPConnection(host, parts.port, timeout=limit)


def _authorization(token: str) -> dict[str, str]:
    if not token:
        return {}
    return {"Authorization": token if token.startswith(("Basic ", "Bearer ")) else f"Bearer {token}"}
