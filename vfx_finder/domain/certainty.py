"""How sure anything here may be said to be: of a vertebra, a patient or a level, on pages and in results alike."""

MOST_CERTAIN = 0.99
LEAST_CERTAIN = 0.01
"""Nothing that was measured on real scans supports a statement beyond these (docs/grading.md)."""


def stated(probability: float) -> float:
    """A probability (0..1) as it is stated: within 0.01 and 0.99, and 0 where a rule says that there is none."""
    return min(max(probability, LEAST_CERTAIN), MOST_CERTAIN) if probability > 0 else 0.0


def percent(probability: float) -> str:
    """The same in words: "1 %" to "99 %", or "0 %"."""
    return f"{100 * stated(probability):.0f} %"
