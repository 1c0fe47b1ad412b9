"""Archives that answer as a test wants: full, choosy, silent, broken; and one that is DCMTK's."""

import os
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE, evt
from pynetdicom.dimse_messages import N_ACTION_RSP
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from tests.support.peers import peer
from tests.support.ports import free_port
from vfx_finder.dicom.sop_classes import sop_class_of
from vfx_finder.dicom.turns import take_turns
from vfx_finder.domain.delivered import Kind

LOOPBACK = "127.0.0.1"
TITLE = "ARCHIVE"
FOR_EVER_S = 300
"""Far more than the patience with any peer that is meant to hang: what takes longer had no limit."""


@dataclass
class Archive:
    """A small archive. Change its fields while it runs, and it behaves so from then on.

    `statuses`: C-STORE status by SOP Class, 0x0000 for others. `hang_up_on`: SOP Instance UIDs at which it breaks off.
    `commits`: "at-once" by the same association, "never" without an answer, "no" as failed with 0x0112. When it has
    stored `hold_after` objects it answers no further one until `gate` is set.
    """

    port: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    hang_up_on: set[str] = field(default_factory=set)
    commits: str = "at-once"
    stored: list[str] = field(default_factory=list)
    asked: list[Dataset] = field(default_factory=list)
    slow_s: float = 0.0
    hold_after: int = 1000
    gate: threading.Event = field(default_factory=threading.Event)

    def on_store(self, event: evt.Event) -> int:
        time.sleep(self.slow_s)
        if len(self.stored) >= self.hold_after:
            self.gate.wait(600)
        request = event.request
        if request.AffectedSOPInstanceUID in self.hang_up_on:
            event.assoc.abort()
            return 0x0110
        status = self.statuses.get(str(request.AffectedSOPClassUID), 0x0000)
        if status in (0x0000, 0xB000):
            self.stored.append(str(request.AffectedSOPInstanceUID))
        return status

    def on_action(self, event: evt.Event) -> tuple[int, None]:
        self.asked.append(event.action_information)
        return 0x0000, None

    def on_sent(self, event: evt.Event) -> None:
        """Report once the request has been answered, and its handler has left the association."""
        if isinstance(event.message, N_ACTION_RSP) and self.commits in ("at-once", "no"):
            threading.Thread(target=self._report, args=(event.assoc, self.asked[-1]), daemon=True).start()

    def _report(self, association, asked: Dataset) -> None:
        # While pynetdicom still serves the request, two threads would read the same association.
        take_turns(association)
        with suppress(RuntimeError):  # who asked has hung up meanwhile, and asks again
            association.send_n_event_report(
                report_of(asked, failing=self.commits == "no"),
                2 if self.commits == "no" else 1,
                StorageCommitmentPushModel,
                "1.2.840.10008.1.20.1.1",
            )


def report_of(asked: Dataset, *, failing: bool = False) -> Dataset:
    """The N-EVENT-REPORT's information that answers this request (PS3.4 table J.3-2)."""
    report = Dataset()
    report.TransactionUID = asked.TransactionUID
    items = [_item(item, failing) for item in asked.ReferencedSOPSequence]
    setattr(report, "FailedSOPSequence" if failing else "ReferencedSOPSequence", Sequence(items))
    return report


def _item(asked: Dataset, failing: bool) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = asked.ReferencedSOPClassUID
    item.ReferencedSOPInstanceUID = asked.ReferencedSOPInstanceUID
    if failing:
        item.FailureReason = 0x0112
    return item


@contextmanager
def archive(
    kinds: tuple[Kind, ...] = tuple(Kind),
    port: int = 0,
    only: str = "",
    tls: ssl.SSLContext | None = None,
    patience_s: float = 60,
) -> Iterator[Archive]:
    """A running archive that takes these kinds; `only` is the one calling AE title that it lets in.

    `patience_s`: how long it waits for what a caller wants.
    """
    here = Archive()
    entity = AE(ae_title=TITLE)
    entity.acse_timeout = patience_s
    entity.require_calling_aet = [only] if only else []
    entity.add_supported_context(Verification)
    # Both roles, so that it may report by the association that asked.
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
    for kind in kinds:
        entity.add_supported_context(sop_class_of(kind))
    server = entity.start_server(
        (LOOPBACK, port),
        block=False,
        ssl_context=tls,
        evt_handlers=[
            (evt.EVT_C_STORE, here.on_store),
            (evt.EVT_N_ACTION, here.on_action),
            (evt.EVT_DIMSE_SENT, here.on_sent),
        ],
    )
    here.port = server.server_address[1]
    try:
        yield here
    finally:
        here.gate.set()
        entity.shutdown()


@contextmanager
def dcmtk_archive(folder: Path) -> Iterator[int]:
    """DCMTK's storescp, storing into this folder; its port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [peer("storescp"), "--output-directory", folder, "--aetitle", TITLE, "+xa", "-pm", str(port)]
    process = subprocess.Popen(command, env=os.environ | {"TCP_NODELAY": "1"})
    try:
        _await_port(port)
        yield port
    finally:
        process.terminate()
        process.wait(120)


@contextmanager
def silent_peer() -> Iterator[int]:
    """Takes connections and never says a word; its port."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def wait_for(what: Callable[[], bool], patience_s: float = 300.0) -> None:
    """Until it is so; fail where that takes too long."""
    until = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def _await_port(port: int) -> None:
    until = time.monotonic() + 300
    while True:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < until, "the archive did not start"
            time.sleep(0.05)
