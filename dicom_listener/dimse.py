"""Messages (PS3.7 section 6.3): put together from fragments, and the command sets that answer them."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dicom_listener.pdu import Fragment, fragments, malformed

C_STORE_RQ, C_ECHO_RQ, C_CANCEL_RQ = 0x0001, 0x0030, 0x0FFF
N_EVENT_REPORT_RQ, N_ACTION_RQ = 0x0100, 0x0130
RESPONSE = 0x8000
"""Command Field (0000,0100), PS3.7 annex E.1; a response has this bit besides."""

NO_DATASET = 0x0101
"""Command Data Set Type (0000,0800) of a message without a dataset; any other value announces one."""

AFFECTED_CLASS, REQUESTED_CLASS, FIELD, MESSAGE_ID, RESPONDED_TO = 0x0002, 0x0003, 0x0100, 0x0110, 0x0120
DATASET_TYPE, STATUS, ERROR_COMMENT, AFFECTED_INSTANCE = 0x0800, 0x0900, 0x0902, 0x1000
REQUESTED_INSTANCE, EVENT_TYPE, ACTION_TYPE = 0x1001, 0x1002, 0x1008
"""Element numbers of group 0000, PS3.7 annex E.1."""

_ELEMENT = struct.Struct("<HHI")
_SHORT = struct.Struct("<H")
_MOST_COMMAND_BYTES = 65_536
_LARGE = 32_768
_MOST_OTHER_BYTES = 16 * 2**20
"""Of the dataset of anything but a C-STORE request: a list of a hundred thousand instances."""


@dataclass(frozen=True)
class Command:
    """A command set: raw values by element number of group 0000."""

    values: Mapping[int, bytes]
    encoded: bytes

    def number(self, element: int) -> int | None:
        """The value of a US element; None where it is absent or malformed."""
        value = self.values.get(element, b"")
        return int(_SHORT.unpack_from(value)[0]) if len(value) >= _SHORT.size else None

    def text(self, element: int) -> str:
        """The value of a text or UID element without padding; empty where it is absent. Never raises."""
        return self.values.get(element, b"").decode("ascii", "replace").strip(" \0")


@dataclass(frozen=True)
class Message:
    """A whole message. `dataset` is what came of it, piece by piece; `size` its bytes, kept or not."""

    context_id: int
    command: Command
    dataset: tuple[bytes, ...]
    size: int


@dataclass
class Assembler:
    """Puts messages together. Of a dataset larger than `most` bytes only the size is kept."""

    most: int
    command: Command | None = None
    size: int = 0
    _context_id: int = 0
    _pieces: list[bytes] = field(default_factory=list)
    _crumbs: bytearray = field(default_factory=bytearray)

    def feed(self, content: memoryview) -> Iterator[Message]:
        """The messages that this P-DATA-TF completes. Raises `Ended` for what is out of order."""
        for fragment in fragments(content):
            message = self._add(fragment)
            if message is not None:
                yield message

    def _add(self, fragment: Fragment) -> Message | None:
        if fragment.is_command != (self.command is None):
            raise malformed()
        if self.size and fragment.context_id != self._context_id:
            raise malformed()
        self._context_id = fragment.context_id
        self.size += len(fragment.content)
        return self._add_command(fragment) if self.command is None else self._add_data(fragment, self.command)

    def _add_command(self, fragment: Fragment) -> Message | None:
        self._keep(fragment.content)
        if self.size > _MOST_COMMAND_BYTES:
            raise malformed()
        if not fragment.is_last:
            return None
        command = _command_of(b"".join(self._kept()))
        self.size = 1
        self.command = command
        return self._done(command) if command.number(DATASET_TYPE) == NO_DATASET else None

    def _add_data(self, fragment: Fragment, command: Command) -> Message | None:
        most = self.most if command.number(FIELD) == C_STORE_RQ else min(self.most, _MOST_OTHER_BYTES)
        if self.size <= most:
            self._keep(fragment.content)
        else:
            self._kept()
        return self._done(command) if fragment.is_last else None

    def _done(self, command: Command) -> Message:
        message = Message(self._context_id, command, self._kept(), self.size)
        self.command, self.size = None, 0
        return message

    def _keep(self, content: memoryview) -> None:
        """Large pieces as they come, small ones put together: a million crumbs would take far more than their bytes."""
        if len(content) >= _LARGE and not self._crumbs:
            self._pieces.append(bytes(content))
            return
        self._crumbs += content
        if len(self._crumbs) >= _LARGE:
            self._pieces.append(bytes(self._crumbs))
            self._crumbs = bytearray()

    def _kept(self) -> tuple[bytes, ...]:
        """The pieces so far, which are then forgotten."""
        kept = (*self._pieces, bytes(self._crumbs))
        self._pieces, self._crumbs = [], bytearray()
        return kept


def _command_of(encoded: bytes) -> Command:
    """A command set, always Implicit VR Little Endian (PS3.7 section 6.3.1). Raises `Ended` for anything else."""
    values, at = {}, 0
    while at < len(encoded):
        if at + 8 > len(encoded):
            raise malformed()
        group, element, length = _ELEMENT.unpack_from(encoded, at)
        at += 8 + length
        if group != 0 or at > len(encoded):
            raise malformed()
        values[element] = encoded[at - length : at]
    return Command(values, encoded)


def response_to(command: Command, status: int, comment: str = "") -> bytes:
    """The command set of a response without a dataset (PS3.7 sections 9.3 and 10.3)."""
    asked = command.values
    return command_set(
        {
            AFFECTED_CLASS: asked.get(AFFECTED_CLASS) or asked.get(REQUESTED_CLASS, b""),
            FIELD: number((command.number(FIELD) or 0) | RESPONSE),
            RESPONDED_TO: number(command.number(MESSAGE_ID) or 0),
            DATASET_TYPE: number(NO_DATASET),
            STATUS: number(status),
            ERROR_COMMENT: text(comment, " "),
            AFFECTED_INSTANCE: asked.get(AFFECTED_INSTANCE) or asked.get(REQUESTED_INSTANCE, b""),
            EVENT_TYPE: asked.get(EVENT_TYPE, b""),
            ACTION_TYPE: asked.get(ACTION_TYPE, b""),
        }
    )


def command_set(values: Mapping[int, bytes]) -> bytes:
    """These elements of group 0000 encoded after their group length, empty ones left out."""
    body = b"".join(_ELEMENT.pack(0, element, len(value)) + value for element, value in values.items() if value)
    return _ELEMENT.pack(0, 0, 4) + len(body).to_bytes(4, "little") + body


def number(value: int) -> bytes:
    """A US value."""
    return _SHORT.pack(value)


def text(value: str, padding: str = "\0") -> bytes:
    """A text value of even length, by default a UID's."""
    encoded = value.encode("ascii", "replace")
    return encoded + padding.encode() * (len(encoded) % 2)
