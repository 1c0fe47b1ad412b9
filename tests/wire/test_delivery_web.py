"""What a STOW-RS server may answer, and what is told of each object then."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipelines.steps import stow
from pipelines.steps.line import Patience
from pipelines.steps.web_peer import WebPeer
from tests.support.archives import FOR_EVER_S, silent_peer
from tests.support.small_results import Result, result
from tests.wire.conftest import PEERS_VANISH
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import PeerAway

pytestmark = PEERS_VANISH


@dataclass
class WebArchive:
    """Answers what it is told to: an HTTP status, a body, headers; `requests` are the headers and bodies it got."""

    url: str = ""
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    silent: bool = False
    over: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def web() -> Iterator[WebArchive]:
    here = WebArchive()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.requests.append((dict(self.headers), body))
            if here.silent:
                here.over.wait(600)
            self.send_response(here.status)
            for name, value in here.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(here.body)))
            self.end_headers()
            with suppress(ConnectionError):  # the sender may have left
                self.wfile.write(here.body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_address[1]}/dicom-web"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield here
    here.over.set()
    server.shutdown()
    server.server_close()


def reply(stored: list[Result], failed: list[tuple[Result, int]] = ()) -> bytes:
    def item(one: Result, reason: int | None) -> dict[str, object]:
        told: dict[str, object] = {"00081155": {"vr": "UI", "Value": [one.SOPInstanceUID]}}
        return told if reason is None else {**told, "00081197": {"vr": "US", "Value": [reason]}}

    return json.dumps(
        {
            "00081199": {"vr": "SQ", "Value": [item(one, None) for one in stored]},
            "00081198": {"vr": "SQ", "Value": [item(one, reason) for one, reason in failed]},
        }
    ).encode()


def test_each_object_has_its_own_answer(web: WebArchive) -> None:
    """202: some stored, some not, each with the reason that the archive gave for it."""
    kept, full, refused = result(Kind.SC), result(Kind.SR), result(Kind.SEG)
    web.status, web.body = 202, reply([kept], [(full, 0xA700), (refused, 0x0122)])
    answers = stow.store(WebPeer(web.url), [kept, full, refused])
    assert [(one.status, one.accepted, one.hopeless) for one in answers] == [
        (202, True, False),
        (0xA700, False, False),
        (0x0122, False, True),
    ]


def test_what_the_reply_does_not_name_is_not_stored(web: WebArchive) -> None:
    """HTTP 200 for the request is no promise for an object that the reply leaves out."""
    kept, forgotten = result(Kind.SC), result(Kind.SR)
    web.body = reply([kept])
    assert [one.accepted for one in stow.store(WebPeer(web.url), [kept, forgotten])] == [True, False]


@pytest.mark.parametrize(
    ("status", "hopeless"),
    [(400, True), (401, False), (403, False), (404, False), (409, False), (413, True), (507, False)],
)
def test_a_refusal_without_details_is_of_every_object(web: WebArchive, status: int, hopeless: bool) -> None:
    web.status, web.body = status, b"<html>no</html>"
    answers = stow.store(WebPeer(web.url), [result(Kind.SC), result(Kind.SR)])
    assert [(one.status, one.accepted, one.hopeless) for one in answers] == [(status, False, hopeless)] * 2
    assert f"HTTP {status}" in answers[0].words


@pytest.mark.parametrize("body", [b"[", b"7", b'{"00081199": 3}', b'{"00081199": {"Value": [{}]}}', b"\xff" * 99])
def test_a_reply_that_is_nonsense_stores_nothing(web: WebArchive, body: bytes) -> None:
    web.status, web.body = 202, body
    (answer,) = stow.store(WebPeer(web.url), [result()])
    assert not answer.accepted


def test_a_gateway_with_nobody_behind_it_is_an_archive_that_is_away(web: WebArchive) -> None:
    web.status = 503
    with pytest.raises(PeerAway, match="503"):
        stow.store(WebPeer(web.url), [result()])


def test_a_redirection_is_not_followed(web: WebArchive) -> None:
    """Results of a patient go where the operator said, and nowhere else."""
    web.status, web.headers = 307, {"Location": "http://127.0.0.1:9/elsewhere"}
    (answer,) = stow.store(WebPeer(web.url), [result()])
    assert (answer.status, answer.accepted) == (307, False)
    assert len(web.requests) == 1


def test_the_token_and_the_parts_are_as_the_standard_wants_them(web: WebArchive) -> None:
    one = result()
    web.body = reply([one])
    stow.store(WebPeer(web.url, token="secret"), [one])
    stow.store(WebPeer(web.url, token="Basic dXNlcjpwYXNz"), [one])
    (first, body), (second, again) = web.requests
    assert (first["Authorization"], second["Authorization"]) == ("Bearer secret", "Basic dXNlcjpwYXNz")
    assert first["Content-Type"].startswith('multipart/related; type="application/dicom"; boundary=')
    boundary = first["Content-Type"].rpartition("=")[2].encode()
    head, part, end = body.split(b"--" + boundary)
    assert (head, end) == (b"", b"--\r\n")
    assert b"Content-Type: application/dicom\r\n\r\n" in part and b"DICM" in part
    assert body == again, "the same object is the same bytes at every try"


def test_a_server_that_never_answers_is_left_in_time(web: WebArchive) -> None:
    web.silent = True
    hasty = Patience(connect_s=20, answer_s=1)
    began = time.monotonic()
    (answer,) = stow.store(WebPeer(web.url, patience=hasty), [result()])
    assert (answer.status, answer.accepted, answer.hopeless) == (None, False, False)
    with silent_peer() as port:
        (answer,) = stow.store(WebPeer(f"http://127.0.0.1:{port}", patience=hasty), [result(pixels=3000)])
    assert not answer.accepted
    assert time.monotonic() - began < FOR_EVER_S
