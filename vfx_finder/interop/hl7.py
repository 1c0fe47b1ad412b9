"""One HL7 v2 message as segments, fields, repetitions and components (HL7 v2.5.1, chapter 2)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile

from vfx_finder.domain.errors import Unreadable

NULL = '""'
"""A field that says "delete what you have" (2.5.3)."""

_SEGMENT_ENDS = re.compile(r"\r\n|\r|\n")
_NAME = re.compile(r"[A-Z][A-Z0-9]{2}", re.ASCII)

CHARSETS: Mapping[str, str] = {
    "": "utf-8",
    "ASCII": "ascii",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    "GB 18030-2000": "gb18030",
    "BIG-5": "big5",
    "KS X 1001": "euc_kr",
} | {f"8859/{part}": f"iso8859_{part}" for part in (*range(1, 12), 13, 14, 15, 16)}
"""MSH-18 (table 0211) -> codec. The multi-byte ISO 2022 sets are not read."""


@dataclass(frozen=True)
class Delimiters:
    """The five characters that a message declares in MSH-1 and MSH-2."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


USUAL = Delimiters()


@dataclass(frozen=True)
class Segment:
    """One segment. Fields are counted as the standard counts them, from 1; what is absent is empty text."""

    name: str
    fields: tuple[str, ...]
    delimiters: Delimiters = USUAL
    codec: str = "utf-8"

    def raw(self, number: int) -> str:
        """A field as sent."""
        return self.fields[number] if 0 < number < len(self.fields) else ""

    def repetitions(self, number: int) -> "tuple[Components, ...]":
        """Every repetition of a field that is not empty."""
        parts = self.raw(number).split(self.delimiters.repetition) if self.raw(number) else []
        split = ((part.split(self.delimiters.component)) for part in parts if part)
        return tuple(Components(tuple(one), self.delimiters, self.codec) for one in split)

    def text(self, number: int, component: int = 1) -> str:
        """One component of a field's first repetition, unescaped, trimmed; empty where absent or null."""
        first = self.repetitions(number)[:1]
        return first[0].text(component) if first else ""

    def whole(self, number: int) -> str:
        """All of a field as one text, unescaped: for the text types ST, TX, FT, where nothing else separates."""
        return unescaped(self.raw(number), self.delimiters, self.codec)

    def is_null(self, number: int) -> bool:
        """The field says that what was known is to be deleted."""
        return self.raw(number).strip() == NULL


@dataclass(frozen=True)
class Components:
    """One repetition of a field, by component from 1."""

    parts: tuple[str, ...]
    delimiters: Delimiters
    codec: str

    def text(self, component: int, subcomponent: int = 1) -> str:
        """One subcomponent, unescaped, trimmed; empty where absent or null."""
        if not 0 < component <= len(self.parts):
            return ""
        parts = self.parts[component - 1].split(self.delimiters.subcomponent)
        found = parts[subcomponent - 1] if subcomponent <= len(parts) else ""
        return "" if found.strip() == NULL else unescaped(found, self.delimiters, self.codec).strip()


@dataclass(frozen=True)
class Message:
    """A message with its header; `segments` begins with MSH."""

    segments: tuple[Segment, ...]

    @property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    @property
    def type(self) -> str:
        """MSH-9.1, such as ADT."""
        return self.header.text(9, 1)

    @property
    def event(self) -> str:
        """MSH-9.2, such as A08; where that is empty, EVN-1."""
        event = self.first("EVN")
        return self.header.text(9, 2) or (event.text(1) if event else "")

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.header.whole(10)

    @property
    def sending(self) -> str:
        """Sending application and facility, as one name."""
        return "/".join(part for part in (self.header.text(3), self.header.text(4)) if part)

    def first(self, name: str) -> Segment | None:
        """The first segment of this name."""
        return next((segment for segment in self.segments if segment.name == name), None)

    def groups(self, name: str) -> Iterator[tuple[Segment, ...]]:
        """Each segment of this name with those that follow it, up to the next of that name."""
        for at, segment in enumerate(self.segments):
            if segment.name == name:
                yield (segment, *takewhile(lambda one: one.name != name, self.segments[at + 1 :]))


def read(content: bytes) -> Message:
    """The message in these bytes. Raises `Unreadable`, in words for its sender, for anything that is not HL7 v2."""
    delimiters = _delimiters(content)
    codec = _codec(content, delimiters)
    return _message(decoded(content, codec), delimiters, codec)


def reread(text: str) -> Message:
    """The message in text that was decoded before, whatever its MSH-18 names. Raises `Unreadable` as `read`."""
    return _message(text, _delimiters(text.encode()), "utf-8")


def _message(text: str, delimiters: Delimiters, codec: str) -> Message:
    lines = [line for line in _SEGMENT_ENDS.split(text) if line.strip()]
    return Message(tuple(_segment(line, delimiters, codec) for line in lines))


def _delimiters(content: bytes) -> Delimiters:
    if not content.startswith(b"MSH") or len(content) < 8:
        raise Unreadable("This is no HL7 v2 message: it does not begin with MSH.")
    if b"\0" in content:
        raise Unreadable("The message holds NUL bytes.")
    separator = content[3:4]
    coding = re.split(rb"[\r\n]", content[4:20])[0].split(separator)[0]
    signs = [*coding.decode("latin-1")[:4]]
    chosen = separator.decode("latin-1"), *signs
    if len(set(chosen)) != 5 or any(sign.isalnum() or not sign.isprintable() or sign == " " for sign in chosen):
        raise Unreadable("MSH-1 and MSH-2 do not declare five different separators.")
    field, component, repetition, escape, subcomponent = chosen
    return Delimiters(field, component, repetition, escape, subcomponent)


def _codec(content: bytes, delimiters: Delimiters) -> str:
    header = re.split(rb"[\r\n]", content, maxsplit=1)[0].decode("latin-1").split(delimiters.field)
    named = header[17].split(delimiters.repetition)[0].strip().upper() if len(header) > 17 else ""
    if named not in CHARSETS:
        raise Unreadable("The character set that MSH-18 names is not read.")
    return CHARSETS[named] if named else _undeclared(content)


def _undeclared(content: bytes) -> str:
    """UTF-8 where the bytes are that (ASCII is), else Latin-1, as Western senders without MSH-18 mean it."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"


def decoded(content: bytes, codec: str) -> str:
    """The text of these bytes. Raises `Unreadable` where they are not in that character set."""
    try:
        text = content.decode(codec)
    except UnicodeDecodeError:
        raise Unreadable("The message is not in the character set that it declares.") from None
    return text


def _segment(line: str, delimiters: Delimiters, codec: str) -> Segment:
    name = line[:3]
    if not _NAME.fullmatch(name) or line[3:4] not in ("", delimiters.field):
        raise Unreadable("A segment does not begin with a name of three letters and a separator.")
    fields = line.split(delimiters.field)
    if name == "MSH":
        fields = [name, delimiters.field, *fields[1:]]
    return Segment(name, tuple(fields), delimiters, codec)


_LINE_BREAKS = (".br", ".ce", ".sp")


def unescaped(text: str, delimiters: Delimiters = USUAL, codec: str = "utf-8") -> str:
    r"""Text with its escape sequences replaced (2.7): \F\ \S\ \T\ \R\ \E\, \.br\ and its kin, \Xhh\; highlighting
    and indentation fall away; what is no known sequence stays as sent."""
    sign = re.escape(delimiters.escape)
    sequence = re.compile(f"{sign}([^{sign}\r\n]{{1,512}}?){sign}")
    return sequence.sub(lambda found: _meaning(found, delimiters, codec), text)


def _meaning(found: re.Match[str], delimiters: Delimiters, codec: str) -> str:
    code = found.group(1)
    signs = {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "H": "",
        "N": "",
    }
    if code in signs:
        return signs[code]
    if code[:3] in _LINE_BREAKS:
        return "\n"
    if code[:1] in (".", "Z"):
        return ""
    return _hexadecimal(code, codec) or found.group(0)


def _hexadecimal(code: str, codec: str) -> str:
    if not re.fullmatch(r"X([0-9A-Fa-f]{2})+", code):
        return ""
    return bytes.fromhex(code[1:]).decode(codec, errors="replace").replace("\0", "")


def escaped(text: str) -> str:
    r"""Text made safe for a field under the usual delimiters; line breaks become \.br\ (for FT and TX)."""
    said = {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\n": "\\.br\\"}
    cleaned = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(said.get(sign, sign if sign.isprintable() else " ") for sign in cleaned)
