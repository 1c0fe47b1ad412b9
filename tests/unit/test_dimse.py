"""Messages are put together however a sender cuts them, and nothing out of order gets through."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_listener.dimse import (
    C_STORE_RQ,
    DATASET_TYPE,
    ERROR_COMMENT,
    FIELD,
    MESSAGE_ID,
    NO_DATASET,
    RESPONDED_TO,
    RESPONSE,
    STATUS,
    Assembler,
    Message,
    command_set,
    number,
    response_to,
)
from dicom_listener.pdu import Ended, data_pdus

COMMAND = command_set({FIELD: number(C_STORE_RQ), MESSAGE_ID: number(7), DATASET_TYPE: number(1)})
ECHO = command_set({FIELD: number(0x0030), MESSAGE_ID: number(8), DATASET_TYPE: number(NO_DATASET)})


def item(content: bytes, *, command: bool = False, last: bool = True, context: int = 1) -> bytes:
    return struct.pack(">IBB", len(content) + 2, context, command | last << 1) + content


def fed(assembler: Assembler, *units: bytes) -> list[Message]:
    return [message for unit in units for message in assembler.feed(memoryview(unit))]


@given(data=st.binary(min_size=1, max_size=5000), most=st.integers(7, 700), large=st.booleans())
def test_whatever_is_cut_up_comes_out_whole(data: bytes, most: int, large: bool):
    """Any length of unit, pieces small and large: the same command set and dataset."""
    data = data * 40 if large else data
    stream = data_pdus(1, COMMAND, most, is_command=True) + data_pdus(1, data, most * 60, is_command=False)
    assembler, messages = Assembler(10**9), []
    while stream:
        length = int.from_bytes(stream[2:6], "big")
        messages += assembler.feed(memoryview(stream[6 : 6 + length]))
        stream = stream[6 + length :]
    (message,) = messages
    assert b"".join(message.dataset) == data
    assert message.command.number(MESSAGE_ID) == 7


def test_of_what_is_too_large_only_the_size_is_kept():
    """A dataset without end does not fill the memory, and the next message is heard."""
    assembler = Assembler(most=1000)
    fed(assembler, item(COMMAND, command=True))
    fed(assembler, *(item(bytes(300), last=False) for _ in range(50)))
    (message,) = fed(assembler, item(bytes(300)))
    assert message.size > 15_000
    assert sum(len(piece) for piece in message.dataset) == 0
    assert [echo.command.number(MESSAGE_ID) for echo in fed(assembler, item(ECHO, command=True))] == [8]


@pytest.mark.parametrize(
    "units",
    [
        [item(b"data before any command")],
        [item(COMMAND, command=True), item(COMMAND, command=True)],
        [item(COMMAND, command=True), item(b"x", context=3)],
        [item(b"\x08\x00\x00\x00\x04\x00\x00\x00abcd", command=True)],
        [item(COMMAND[:-1], command=True)],
        [item(bytes(40_000), command=True, last=False)] * 2,
        [b"\x00\x00\x00\x01\x01\x03"],
        [b"\x00\x00\x00\xff\x01\x03"],
        [b"\x00\x00"],
    ],
)
def test_what_is_out_of_order_ends_the_association(units: list[bytes]):
    """PS3.7 and PS3.8 leave no room for these."""
    with pytest.raises(Ended):
        fed(Assembler(10**9), *units)


def test_a_response_answers_its_request():
    """Status, comment and message id are where PS3.7 section 9.3.1.2 wants them, every value of even length."""
    (request,) = fed(Assembler(100), item(ECHO, command=True))
    (answer,) = fed(Assembler(100), item(response_to(request.command, 0xA700, "no space"), command=True))
    command = answer.command
    assert [command.number(element) for element in (FIELD, RESPONDED_TO, STATUS)] == [0x0030 | RESPONSE, 8, 0xA700]
    assert command.text(ERROR_COMMENT) == "no space"
    assert all(len(value) % 2 == 0 for value in command.values.values())
    assert int.from_bytes(command.values[0], "little") == len(command.encoded) - 12
