"""The ear behind one port: `listening(...)` hears until its block ends."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from pynetdicom import AE, _config, evt
from pynetdicom.transport import ThreadedAssociationServer

from dicom_listener import associations
from dicom_listener.associations import Door, entity_behind
from dicom_listener.c_echo import on_c_echo
from dicom_listener.c_store import on_c_store, on_incomplete_request
from dicom_listener.contexts import accepted_contexts
from vfx_finder.actions.keeping import Keeper
from vfx_finder.domain.errors import Broken

log = structlog.get_logger(__name__)

Leave = Callable[[evt.Event], object]


@dataclass(frozen=True)
class Listening:
    """A listener at work. `port` is the one it really has, also when 0 was asked for."""

    entity: AE
    host: str
    port: int


@contextmanager
def listening(
    address: tuple[str, int], keeper: Keeper, door: Door | None = None, leave: Leave | None = None
) -> Iterator[Listening]:
    """Hear at `address` (host, port; 0 = any free port) while the block runs. Raises `Broken` if the port is taken.

    `leave` is called in an association's own thread when that association ends.
    """
    _quieten_libraries()
    entity = entity_behind(door or Door())
    try:
        server = entity.start_server(
            address, block=False, evt_handlers=_handlers(keeper, leave), contexts=accepted_contexts()
        )
    except OSError as error:
        raise Broken(f"Port {address[1]} on {address[0]} cannot be opened: {error.strerror}.") from error
    here = Listening(entity, address[0], _port_of(server))
    log.info("listening", host=here.host, port=here.port, ae_title=entity.ae_title)
    try:
        yield here
    finally:
        entity.shutdown()
        log.info("stopped")


def _port_of(server: ThreadedAssociationServer | None) -> int:
    return int(server.server_address[1]) if server else 0


def _handlers(keeper: Keeper, leave: Leave | None) -> list[evt.EventHandlerType]:
    handlers: list[evt.EventHandlerType] = [
        (evt.EVT_C_ECHO, on_c_echo),
        (evt.EVT_C_STORE, on_c_store, [keeper]),
        (evt.EVT_DIMSE_RECV, on_incomplete_request),
        (evt.EVT_ACCEPTED, associations.on_accepted),
        (evt.EVT_REJECTED, associations.on_rejected),
        (evt.EVT_RELEASED, associations.on_released),
        (evt.EVT_ABORTED, associations.on_aborted),
    ]
    if leave is not None:
        handlers += [(evt.EVT_RELEASED, leave), (evt.EVT_ABORTED, leave)]
    return handlers


def _quieten_libraries() -> None:
    """What they log and warn of may quote datasets, that is patients; the events above say what an operator needs."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = False
    _config.LOG_RESPONSE_IDENTIFIERS = False
    warnings.filterwarnings("ignore", module="pydicom")
    for name in ("pynetdicom", "pydicom"):
        library = logging.getLogger(name)
        library.setLevel(logging.CRITICAL)
        library.propagate = False
