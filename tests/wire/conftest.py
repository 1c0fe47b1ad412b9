"""A real listener on a free port of loopback, with its rows in memory unless a test asks for the real ledger."""

import gc
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dicom_listener import emulator
from dicom_listener.associations import Door
from dicom_listener.emulator import Address, SendReport
from dicom_listener.server import Around, listening
from tests.support.intake import NOW
from vfx_finder.actions.keeping import Keeper
from vfx_finder.domain.roles import Role
from vfx_finder.domain.study import Instance
from vfx_finder.spool import Spool

if TYPE_CHECKING:
    from vfx_finder.ledger.models import Sender

LOOPBACK = "127.0.0.1"
PEERS_VANISH = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""For tests in which a peer dies: see `sockets_of_lost_peers`."""


@dataclass
class Ear:
    """A listener under test. A row is taken only if its file is already there: never a row without a file."""

    port: int
    spool: Spool
    rows: list[Instance] = field(default_factory=list)

    def send(self, *images: emulator.Image, calling: str = "CT_SCANNER") -> SendReport:
        """Send these with the emulated modality."""
        return emulator.send(images, LOOPBACK, self.port, calling, "VFXFINDER")

    def address(self, calling: str = "CT_SCANNER", called: str = "VFXFINDER") -> Address:
        return Address(LOOPBACK, self.port, called, calling)

    def echoes(self, calling: str = "PACS") -> bool:
        return emulator.echo(self.address(calling))

    def kept(self, number: int = -1) -> bytes:
        """The file behind a row."""
        return self.spool.read(self.rows[number].path)

    @property
    def files(self) -> set[str]:
        """Everything in the spool, finished or not, but the second names of files that wait for their rows."""
        found = (file for file in self.spool.root.rglob("*") if file.is_file() and file.suffix != ".waiting")
        return {file.relative_to(self.spool.root).as_posix() for file in found}


def eventually(true, within_s: float = 120) -> bool:
    """Whether it becomes true within this time: long, since a busy machine is no defect."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module", autouse=True)
def nothing_older_is_collected() -> None:
    """What was there before is no test's: looking through all of it after each one took a tenth of the suite's time."""
    gc.freeze()


@pytest.fixture(autouse=True)
def sockets_of_lost_peers(request: pytest.FixtureRequest) -> Iterator[None]:
    """pynetdicom leaves the socket of a peer that vanished to the garbage collector; collected in its own test.

    So its threads end with the test too: one that lives on holds its socket, which a later test would be blamed for,
    or asks the database while that is being emptied.
    """
    if "committed_db" in request.fixturenames:  # had first, so that it ends last
        request.getfixturevalue("committed_db")
    before = set(threading.enumerate())
    yield
    eventually(lambda: not [one for one in threading.enumerate() if one not in before])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def open_ear(tmp_path: Path):
    """Open a listener with this door, perhaps with a `receive` that is not the list of rows, or other surroundings."""

    @contextmanager
    def opened(
        door: Door | None = None,
        receive: Callable[[Instance], object] | None = None,
        around: Around | None = None,
    ) -> Iterator[Ear]:
        ear = Ear(0, Spool(tmp_path / "spool"))

        def row(instance: Instance) -> None:
            assert ear.spool.path_of(instance.path).is_file(), "a row before its file"
            ear.rows.append(instance)

        with listening((LOOPBACK, 0), Keeper(ear.spool, receive or row), door, around) as here:
            ear.port = here.port
            yield ear

    return opened


@pytest.fixture
def ear(open_ear) -> Iterator[Ear]:
    """A listener that lets everybody in."""
    with open_ear() as opened:
        yield opened


@pytest.fixture
def sender(db: None) -> "Sender":
    """A sender that an operator has let in, without any place."""
    from vfx_finder.accounts.models import User
    from vfx_finder.actions import senders
    from vfx_finder.actions.senders import Wish

    operator = User.objects.create_user("operator.one", password=None, role=Role.OPERATOR).actor
    return senders.keep_sender(Wish("CLOUD_PACS"), operator, NOW)


@pytest.fixture
def token(sender: "Sender") -> str:
    """Its token, as the page shows it once."""
    from vfx_finder.accounts.models import User
    from vfx_finder.actions import senders

    return senders.new_token(sender.pk, User.objects.get(username="operator.one").actor, NOW)
