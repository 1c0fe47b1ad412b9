"""Systems of an invented hospital that take results: by HL7 over MLLP, and by FHIR, of every temper."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pipelines.steps.line import Patience
from pipelines.steps.tell import MllpPeer
from pipelines.steps.web_peer import WebPeer
from vfx_finder.interop.acknowledgement import Code, acknowledgement
from vfx_finder.interop.hl7 import read
from vfx_finder.interop.mllp import Stream, framed

LOOPBACK = "127.0.0.1"
SOON = Patience(connect_s=20.0, answer_s=1.0)
"""For receivers that are meant to stay silent."""
UNHURRIED = Patience(connect_s=20.0, answer_s=60.0)
"""For those that answer, on a machine that may be busy."""
NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
Temper = Callable[[socket.socket, bytes], object]


@contextmanager
def receiver(temper: Temper, patience: Patience = UNHURRIED) -> Iterator[MllpPeer]:
    """A system that does with every message what its temper is, one connection after the other."""
    with socket.create_server((LOOPBACK, 0)) as server:
        thread = threading.Thread(target=_take, args=(server, temper), daemon=True)
        thread.start()
        try:
            yield MllpPeer(LOOPBACK, server.getsockname()[1], patience=patience)
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(60)


def _take(server: socket.socket, temper: Temper) -> None:
    while True:
        try:
            line, _ = server.accept()
        except OSError:  # it was shut down
            return
        with line, suppress(OSError):  # who called may have hung up by now
            stream = Stream()
            while piece := line.recv(4096):
                for message in stream.feed(piece):
                    temper(line, message)


def answering(code: Code, words: str = "") -> Temper:
    """The temper of one who always says the same."""
    return lambda line, sent: line.sendall(framed(acknowledgement(read(sent), code, words, NOW)))


@contextmanager
def fhir_server(status: int, document: object) -> Iterator[tuple[WebPeer, list[dict[str, object]]]]:
    """A server that answers everything so."""
    asked: list[dict[str, object]] = []

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            asked.append({"path": self.path, "body": json.loads(body), **dict(self.headers)})
            self.reply()

        def do_GET(self) -> None:
            asked.append({"path": self.path})
            self.reply()

        def reply(self) -> None:
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer((LOOPBACK, 0), Answering)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield WebPeer(f"http://{LOOPBACK}:{server.server_port}/fhir", "secret", patience=UNHURRIED), asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def responses(*statuses: str) -> dict[str, object]:
    return {"resourceType": "Bundle", "entry": [{"response": {"status": one}} for one in statuses]}
