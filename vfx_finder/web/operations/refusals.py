"""Why a caller was turned away, in plain words and with what an operator can do about it."""

from dataclasses import dataclass
from typing import Final

from vfx_finder.domain.sender import Refused


@dataclass(frozen=True)
class Told:
    """What happened, and what to do."""

    words: str
    to_do: str


_SLOW: Final = "Look at the network between that system and this one."

REFUSED_WORDS: Final[dict[str, Told]] = {
    Refused.UNKNOWN_SENDER: Told("Its AE title is not on the list.", "Let it in if you know it."),
    Refused.WRONG_HOST: Told(
        "The title is known, but it called from another address.", "Change where it may call from, if it moved."
    ),
    Refused.SWITCHED_OFF: Told("This sender is switched off.", "Switch it on again if it may send."),
    Refused.NOBODY_MAY: Told("No sender is set up, so nobody may send.", "Let it in if you know it."),
    Refused.WRONG_CALLED_TITLE: Told(
        "It called this system by another AE title.", "Correct the called AE title in that system."
    ),
    Refused.TOO_MANY: Told("Too many associations were open at once.", "It comes back by itself; lower its number."),
    Refused.TOO_OFTEN: Told("It connected too often in one minute.", "Look at that system: it may be looping."),
    Refused.TLS: Told("The TLS handshake failed.", "Check its certificate, who signed it, and its dates."),
    Refused.PLAIN: Told(
        "It called without TLS, and this port hears TLS only.",
        "Have that system use TLS to call here, or to report storage commitment.",
    ),
    Refused.NOTHING_TAKEN: Told(
        "Nothing of what it offered is taken.", "Send what the conformance statement names; leave the rest out there."
    ),
    Refused.NOT_ALL_TAKEN: Told(
        "It was let in; part of what it offered is not taken.", "Nothing, where such objects need not come here."
    ),
    Refused.TOO_SLOW: Told("It sent too slowly and was cut off.", _SLOW),
    Refused.SILENT: Told("It connected and said nothing.", "A port scan or a monitor; otherwise " + _SLOW.lower()),
    Refused.NOT_DICOM: Told("What it sent is not DICOM.", "Something else speaks to this port; correct its address."),
    Refused.TOO_LARGE: Told("It sent more than one object may have.", "Raise the limit, or leave such objects out."),
    Refused.NO_SPACE: Told(
        "There was no room left on the disk.",
        "Make room. Not every system sends again by itself: look there for what failed.",
    ),
    Refused.DAMAGED: Told("An object was damaged or incomplete.", "Send the study again from PACS."),
    Refused.BAD_TOKEN: Told(
        "Its token is not in force: unknown, or ended by a newer one.",
        "Put the sender's newest token into that system; make a new one only if that is lost.",
    ),
}


def refused_words(reason: str) -> Told:
    """The words for a reason as it stands in the row."""
    return REFUSED_WORDS.get(reason, Told(reason.replace("-", " ").capitalize() + ".", "See the listener's log."))
