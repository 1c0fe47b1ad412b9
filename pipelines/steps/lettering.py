"""Letters for pictures and PDF: one font that comes with a dependency, so that no machine draws another result.

Bitstream Vera (free licence), carried by reportlab: Latin letters with the accents of western Europe and a few of the
rest, no other script. What it lacks is written without its accent, or as "?"; the object's own data elements, and the
images, carry every letter.
"""

import unicodedata
from functools import cache
from pathlib import Path

import reportlab
from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont
from reportlab.pdfbase.ttfonts import TTFontFile

_FONTS = Path(reportlab.__file__).parent / "fonts"
REGULAR, BOLD = _FONTS / "Vera.ttf", _FONTS / "VeraBd.ttf"

_RELATED = dict(zip("ĐđĦħĸŊŋŦŧƏəẞ", "DdHhkNnTtAaß", strict=True))
"""Letters that are no base letter with an accent, by Unicode's decompositions, and what is written for them."""

NOT_DRAWN = "“?” stands for a letter that cannot be drawn here; the study itself has it."


@cache
def letters(size: int, *, bold: bool = False) -> FreeTypeFont:
    """The font at this height in pixels."""
    return ImageFont.truetype(BOLD if bold else REGULAR, size)


def drawable(text: str) -> str:
    """The text with every letter that the font lacks without its accent, or as "?" where even that is lacking."""
    return "".join(_drawn(char) for char in text)


def is_drawable(text: str) -> bool:
    """Whether no letter becomes "?". Otherwise say `NOT_DRAWN` beside it."""
    return all(char == "?" or _drawn(char) != "?" for char in text)


def name_of(person: str) -> str:
    """A person's name as it is best drawn: the first of its forms without a "?", otherwise the first.

    `person` is a value of VR PN: alphabetic, ideographic and phonetic form, parted by "=" (DICOM PS3.5 section
    6.2.1.2). Senders write the Latin form first where the name has another script, or none.
    """
    forms = [" ".join(form.replace("^", " ").split()) for form in person.split("=")]
    named = [form for form in forms if form]
    return next((form for form in named if is_drawable(form)), named[0] if named else "")


def wrapped(text: str, font: FreeTypeFont, width: float) -> list[str]:
    """The text in lines no wider than `width` pixels, broken between words."""
    lines: list[str] = []
    for word in drawable(text).split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _drawn(char: str) -> str:
    if char.isspace() or unicodedata.category(char) == "Cc":
        return " "
    plain = unicodedata.normalize("NFKD", char)[0]
    return next((one for one in (char, _RELATED.get(char, plain), plain) if ord(one) in _glyphs()), "?")


@cache
def _glyphs() -> frozenset[int]:
    """The characters that both fonts have; some stand in their tables with glyph 0, the box for what is missing."""
    regular, bold = (TTFontFile(str(path)).charToGlyph for path in (REGULAR, BOLD))
    return frozenset(code for code in regular if chr(code).isprintable() and regular[code] and bold.get(code))
