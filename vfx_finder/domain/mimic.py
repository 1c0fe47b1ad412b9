"""What a vertebra may be taken for a fracture because of: names, and what likeness to each does to certainty."""

from collections.abc import Iterable
from enum import StrEnum

_PREFIX = "resembles-"


class Mimic(StrEnum):
    """A look-alike whose likeness this software measures (docs/grading.md says how, and which ones it cannot).

    The value is the flag that a vertebra carries. Schmorl nodes are a known cause of false flags (CINA-VCF study);
    short vertebral height without end-plate fracture is the ABQ distinction (Wang 2017); physiological wedging is
    described by EPOLOS; Cupid's bow is named by the STOPP film guide. The others are textbook differentials.
    """

    SCHMORL_NODE = "resembles-schmorl-node"
    SCHEUERMANN = "resembles-scheuermann"
    PHYSIOLOGICAL_WEDGING = "resembles-physiological-wedging"
    SHORT_VERTEBRAL_HEIGHT = "resembles-short-vertebral-height"
    CUPIDS_BOW = "resembles-cupids-bow"
    LIMBUS = "resembles-limbus-vertebra"
    RIM_LIP = "resembles-osteophyte"
    SCLEROTIC_LESION = "resembles-sclerotic-lesion"
    LYTIC_LESION = "resembles-lytic-lesion"

    @property
    def words(self) -> str:
        """What a person reads beside the vertebra."""
        return f"resembles {_NAMES[self]}"

    @property
    def lowers_certainty(self) -> bool:
        """Whether it explains the shape without a fracture. A lesion does not: a fracture through it is one, and may be
        pathological; a lip of the rim was taken out of the heights already."""
        return self not in _REMARKS_ONLY


_NAMES: dict[Mimic, str] = {
    Mimic.SCHMORL_NODE: "a Schmorl node",
    Mimic.SCHEUERMANN: "Scheuermann disease",
    Mimic.PHYSIOLOGICAL_WEDGING: "physiological wedging",
    Mimic.SHORT_VERTEBRAL_HEIGHT: "short vertebral height, end plates intact",
    Mimic.CUPIDS_BOW: "a Cupid's bow",
    Mimic.LIMBUS: "a limbus vertebra",
    Mimic.RIM_LIP: "a lip of the rim (osteophyte)",
    Mimic.SCLEROTIC_LESION: "a sclerotic lesion: think of a pathological fracture",
    Mimic.LYTIC_LESION: "a lytic lesion or haemangioma: think of a pathological fracture",
}

_REMARKS_ONLY = frozenset({Mimic.RIM_LIP, Mimic.SCLEROTIC_LESION, Mimic.LYTIC_LESION})


def mimics_in(flags: Iterable[str]) -> tuple[Mimic, ...]:
    """The likenesses among the flags of a vertebra."""
    return tuple(Mimic(flag) for flag in flags if flag.startswith(_PREFIX))
