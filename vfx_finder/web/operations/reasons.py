"""Every reason why a study was not analysed, in plain words and with what an operator can do about it."""

from dataclasses import dataclass
from typing import Final

from vfx_finder.actions.analysis import Failure
from vfx_finder.domain.study import Reason


@dataclass(frozen=True)
class Advice:
    """What happened, what to do, and whether trying again by itself can help."""

    words: str
    to_do: str
    retry_may_help: bool = False


_READ_AS_USUAL: Final = "Nothing to mend. The study is read as usual, without this software."
_SEND_THIN: Final = "Have the PACS rule send the axial thin-slice series of such studies, then send it again."
_SEND_AGAIN: Final = "Send the study again from PACS; new images are analysed by themselves."

ADVICE: Final[dict[str, Advice]] = {
    Reason.NO_IMAGES: Advice("No image was received with this study.", _SEND_AGAIN),
    Reason.NO_XRAY_MODEL: Advice(
        "X-ray received and kept; no X-ray model is installed.", "Nothing to mend. Retry once an X-ray model is there."
    ),
    Reason.MODALITY: Advice(
        "This kind of image is not analysed.", "Stop the PACS rule from sending it, if it is many."
    ),
    Reason.NO_SUITABLE_SERIES: Advice("No series of this study can be measured.", _SEND_THIN),
    Reason.NO_SPINE: Advice("No spine was found in the images.", _READ_AS_USUAL),
    Reason.NOT_LATERAL_SPINE: Advice("The film is no lateral view of a spine.", _READ_AS_USUAL),
    Reason.FILM_FROM_FRONT: Advice("The film shows the spine from the front.", _READ_AS_USUAL),
    Reason.FILM_OF_CHEST: Advice("The film is one of the chest, not of the spine.", _READ_AS_USUAL),
    Reason.SEVERAL_STUDIES: Advice("The files belong to more than one study.", _SEND_AGAIN),
    Reason.LEFT_OUT: Advice(
        "A routing rule leaves such studies out.",
        "Retry asks the rules again: first change the rule. “Analyse all the same” takes one study in against it.",
    ),
    Reason.IMAGES_REMOVED: Advice(
        "Part of the images had been removed after their time and has not come again.",
        "Send the whole study again from PACS; Retry analyses what is here.",
    ),
    Reason.PATIENT_CONFLICT: Advice(
        "The images name different patients.", "Mend the study in PACS and send it again under its right identity."
    ),
    Reason.UNREADABLE: Advice("The files could not be read.", _SEND_AGAIN, retry_may_help=True),
    Reason.LOCALIZER: Advice("Only localizer (scout) images were received.", _SEND_THIN),
    Reason.REFORMAT: Advice("Only reformatted images were received, no axial ones.", _SEND_THIN),
    Reason.DERIVED: Advice("Only derived or secondary images were received.", _SEND_THIN),
    Reason.DOSE_SCREEN: Advice("Only a dose screen was received.", _SEND_THIN),
    Reason.TOO_FEW_SLICES: Advice("Too few slices to see a vertebra whole.", _SEND_THIN),
    Reason.TOO_SHORT: Advice("Too little of the body is in view.", _READ_AS_USUAL),
    Reason.SLICES_TOO_THICK: Advice("The slices are too thick to measure heights.", _SEND_THIN),
    Reason.MISSING_SLICES: Advice("Slices are missing from the series.", _SEND_AGAIN),
    Reason.UNEQUAL_SPACING: Advice("The slices are unequally far apart.", _SEND_AGAIN),
    Reason.DUPLICATE_POSITIONS: Advice("Several slices lie at the same place.", _SEND_THIN),
    Reason.INCONSISTENT_GEOMETRY: Advice("The slices do not fit together.", _SEND_THIN),
    Reason.NO_GEOMETRY: Advice("The images do not say where they lie in the body.", _READ_AS_USUAL),
    Reason.NOT_HOUNSFIELD: Advice("The images are not in Hounsfield units.", _SEND_THIN),
    Reason.BETTER_SERIES: Advice("Another series of the study was better suited.", _READ_AS_USUAL),
    Failure.BROKEN: Advice(
        "The analysis failed with a fault of the software.",
        "Retry once. If it fails again, give the reference to your system support.",
        retry_may_help=True,
    ),
    Failure.WORKER_LOST: Advice(
        "The worker was lost several times while analysing this study.",
        "Look at memory and disk on the worker's machine, then retry.",
        retry_may_help=True,
    ),
    Failure.KEPT_RETRYING: Advice(
        "Something the analysis needs did not answer for a long time.",
        "Look at the overview, then retry.",
        retry_may_help=True,
    ),
}

UNKNOWN: Final = Advice("No reason in plain words is known.", "Give the reference to your system support.")


def advice(reason: str) -> Advice:
    """The advice for a reason as it stands in the row."""
    return ADVICE.get(reason, UNKNOWN)
