"""What must be said about how the vertebrae of one spine were numbered, in words."""

from collections.abc import Sequence

from vfx_finder.domain.spine import Level, Vertebra

LEVEL_UNCERTAIN = "level-uncertain"
TRANSITIONAL = "transitional-anatomy"
NO_VERTEBRA = "probably-no-vertebra"
MISSING_ABOVE = "missing-vertebra-above"
WIDE_GAP = "wide-gap-above"
BRIGHT_GAP = "bright-gap-above"
CROWDED = "spacing-implausible"


def numbering_remarks(vertebrae: Sequence[Vertebra]) -> tuple[str, ...]:
    """Sentences about the numbering of a spine, head to foot; none where it is usual and sure."""
    kept = [vertebra for vertebra in vertebrae if NO_VERTEBRA not in vertebra.flags]
    said = (
        _transitional(kept),
        _unsure(kept),
        _missing(kept),
        _wide(kept),
        _bright(kept),
        _left_out(len(vertebrae) - len(kept)),
    )
    return tuple(sentence for sentence in said if sentence)


def _transitional(vertebrae: Sequence[Vertebra]) -> str:
    unusual = [vertebra.level.level for vertebra in vertebrae if TRANSITIONAL in vertebra.flags]
    if not unusual:
        return ""
    return (
        f"Transitional anatomy: {_counted(unusual)}. Say in the report how the levels were counted, and compare with "
        "earlier imaging before anything is done at a level."
    )


def _counted(levels: Sequence[Level]) -> str:
    thoracic = "thirteen thoracic vertebrae (T13)" if Level.T13 in levels else ""
    if Level.T11 in levels and Level.L1 in levels and Level.T12 not in levels:
        thoracic = "eleven thoracic vertebrae (no T12)"
    lumbar = "six lumbar vertebrae (L6)" if Level.L6 in levels else ""
    if Level.L4 in levels and Level.L5 not in levels and not thoracic:
        lumbar = "four lumbar vertebrae (no L5)"
    return " and ".join(filter(None, (thoracic, lumbar))) or "not twelve thoracic and five lumbar vertebrae"


def _unsure(vertebrae: Sequence[Vertebra]) -> str:
    unsure = [vertebra.level for vertebra in vertebrae if LEVEL_UNCERTAIN in vertebra.flags and vertebra.level.others]
    if not unsure:
        return ""
    return f"The level numbers are not certain; the lowest is {unsure[-1].words}. All may be off by the same number."


def _missing(vertebrae: Sequence[Vertebra]) -> str:
    below = [vertebra.level.level.value for vertebra in vertebrae if MISSING_ABOVE in vertebra.flags]
    return f"A vertebra above {' and above '.join(below)} was not found." if below else ""


def _wide(vertebrae: Sequence[Vertebra]) -> str:
    below = [vertebra.level.level.value for vertebra in vertebrae if WIDE_GAP in vertebra.flags]
    if not below:
        return ""
    gaps = f"The gap above {below[0]} is" if len(below) == 1 else f"The gaps above {' and above '.join(below)} are"
    return f"{gaps} as wide as two: look for a vertebra there that was not found; the numbers may be off by one."


def _bright(vertebrae: Sequence[Vertebra]) -> str:
    below = [vertebra.level.level.value for vertebra in vertebrae if BRIGHT_GAP in vertebra.flags]
    return f"Something as dense as cement or metal lies in the gap above {' and above '.join(below)}." if below else ""


def _left_out(count: int) -> str:
    if not count:
        return ""
    bodies = "One body is" if count == 1 else f"{count} bodies are"
    return f"{bodies} probably no vertebra: outlined, listed, and left out of the numbering."
