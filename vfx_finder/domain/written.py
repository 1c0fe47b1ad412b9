"""Numbers as people and pages write them."""

LONGEST = 18
"""Digits that fit a row's bigint; Python itself refuses to read more than 4300."""


def whole_number(text: str, digits: int = LONGEST) -> int | None:
    """The whole number that this text is, 0 or above, of at most so many digits; None for anything else."""
    stripped = text.strip()
    return int(stripped) if stripped.isdecimal() and len(stripped) <= digits else None
