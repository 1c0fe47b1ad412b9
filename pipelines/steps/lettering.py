"""Letters for pictures and PDF: one font that comes with a dependency, so that no machine draws another result.

Bitstream Vera (free licence), carried by reportlab: Latin letters with all European accents, no other script.
"""

import unicodedata
from functools import cache
from pathlib import Path

import reportlab
from PIL import ImageFont
from PIL.ImageFont import FreeTypeFont

_FONTS = Path(reportlab.__file__).parent / "fonts"
REGULAR, BOLD = _FONTS / "Vera.ttf", _FONTS / "VeraBd.ttf"

_LATIN = 0x180
_SIGNS = frozenset("–—‘’“”…≥≤≈−")


@cache
def letters(size: int, *, bold: bool = False) -> FreeTypeFont:
    """The font at this height in pixels."""
    return ImageFont.truetype(BOLD if bold else REGULAR, size)


def drawable(text: str) -> str:
    """The text with every letter that the font lacks without its accent, or as "?" where even that is lacking."""
    return "".join(_drawn(char) for char in text)


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
    if ord(char) < _LATIN or char in _SIGNS:
        return char if char.isprintable() else " "
    plain = unicodedata.normalize("NFKD", char)[0]
    return plain if ord(plain) < _LATIN else "?"
