"""Every code that a result object uses: value, scheme, meaning, and where each was looked up.

Nothing outside this module writes a code. `docs/results-in-pacs.md` shows the table; a test compares both. Codes that
public software uses for "compression fracture of vertebra" and that contradict each other (207957008, 207938004,
698077007) are left out on purpose, and so are RadElement value codes whose identifiers are only inferred.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from vfx_finder.domain.finding import Deformity
from vfx_finder.domain.spine import Level
from vfx_finder.domain.told import Standing

PRIVATE_SCHEME: Final = "99VFX"

PS3_16: Final = "DICOM PS3.16 2025, as in pydicom 3.0"
CID_7603: Final = "DICOM PS3.16 2025 CID 7603, as in pydicom 3.0"
OWN: Final = "vfx_finder 2026, private"
OPEN_CURATED: Final = "SNOMED CT, seen alike in three public curated lists, 2025"
RADELEMENT: Final = "ACR/RSNA RadElement, as in Open Imaging Finding Models 2025"
UCUM: Final = "UCUM, as in DICOM PS3.16 2025"


@dataclass(frozen=True)
class Entry:
    """One code, and the document and year it was looked up in."""

    value: str
    scheme: str
    meaning: str
    source: str

    @property
    def code(self) -> Code:
        """As highdicom takes it."""
        return Code(self.value, self.scheme, self.meaning)

    @property
    def item(self) -> Dataset:
        """As an item of a code sequence (PS3.3 section 8)."""
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = self.value, self.scheme, self.meaning
        return item


def _sct(value: str, meaning: str, source: str = PS3_16) -> Entry:
    return Entry(value, "SCT", meaning, source)


def _dcm(value: str, meaning: str) -> Entry:
    return Entry(value, "DCM", meaning, PS3_16)


def _own(value: str, meaning: str) -> Entry:
    return Entry(value, PRIVATE_SCHEME, meaning, OWN)


LEVELS: Final[Mapping[Level, Entry]] = {
    Level.C1: _sct("14806007", "C1 vertebra"),
    Level.C2: _sct("39976000", "C2 vertebra", CID_7603),
    Level.C3: _sct("113205007", "C3 vertebra", CID_7603),
    Level.C4: _sct("5329002", "C4 vertebra", CID_7603),
    Level.C5: _sct("36978003", "C5 vertebra", CID_7603),
    Level.C6: _sct("36054005", "C6 vertebra", CID_7603),
    Level.C7: _sct("87391001", "C7 vertebra", CID_7603),
    Level.T1: _sct("64864005", "T1 vertebra", CID_7603),
    Level.T2: _sct("53733008", "T2 vertebra", CID_7603),
    Level.T3: _sct("1626008", "T3 vertebra", CID_7603),
    Level.T4: _sct("73071006", "T4 vertebra", CID_7603),
    Level.T5: _sct("56401006", "T5 vertebra", CID_7603),
    Level.T6: _sct("45296009", "T6 vertebra", CID_7603),
    Level.T7: _sct("62487009", "T7 vertebra", CID_7603),
    Level.T8: _sct("11068009", "T8 vertebra", CID_7603),
    Level.T9: _sct("82687006", "T9 vertebra", CID_7603),
    Level.T10: _sct("7610001", "T10 vertebra", CID_7603),
    Level.T11: _sct("12989004", "T11 vertebra", CID_7603),
    Level.T12: _sct("23215003", "T12 vertebra", CID_7603),
    Level.L1: _sct("66794005", "L1 vertebra", CID_7603),
    Level.L2: _sct("14293000", "L2 vertebra", CID_7603),
    Level.L3: _sct("36470004", "L3 vertebra", CID_7603),
    Level.L4: _sct("11994002", "L4 vertebra", CID_7603),
    Level.L5: _sct("49668003", "L5 vertebra", CID_7603),
}

SPINE: Final = _sct("421060004", "Spine")
THORACIC_SPINE: Final = _sct("122495006", "Thoracic spine")
LUMBAR_SPINE: Final = _sct("122496007", "Lumbar spine")
LUMBOSACRAL_SPINE: Final = _sct("1217253001", "Lumbo-sacral spine")
VERTEBRA: Final = _sct("51282000", "Vertebra")
BONE: Final = _sct("272673000", "Bone")
ANATOMICAL_STRUCTURE: Final = _sct("91723000", "Anatomical Structure")

_WITHOUT_CODE: Final = {Level.T13: THORACIC_SPINE, Level.L6: LUMBAR_SPINE, Level.S1: LUMBOSACRAL_SPINE}
"""CID 7603 has no code for these: the region is coded, and the level stands beside it in words."""


def site_of(level: Level | None) -> Entry:
    """The finding site of a level; its region where the level has no code of its own, the spine where it has none."""
    if level is None:
        return SPINE
    return LEVELS.get(level) or _WITHOUT_CODE[level]


REPORT_TITLE: Final = _dcm("126000", "Imaging Measurement Report")
COMMENT: Final = _dcm("121106", "Comment")
CT_PROCEDURE: Final = Entry("25045-6", "LN", "CT unspecified body region", PS3_16 + " CID 100")
XR_PROCEDURE: Final = Entry("43468-8", "LN", "XR unspecified body region", PS3_16 + " CID 100")

COMPRESSION_FRACTURE: Final = _sct("42942008", "Compression fracture of vertebral column", OPEN_CURATED)
GENANT: Final = Entry("RDES150", "RADELEMENT", "Genant classification", RADELEMENT)
GRADES: Final = tuple(_own(f"GENANT{grade}", f"Genant grade {grade}") for grade in range(4))

STANDINGS: Final[Mapping[Standing, Entry]] = {
    Standing.SUSPECTED: _sct("415684004", "Suspected"),
    Standing.NO_FRACTURE: _sct("272519000", "Absent"),
    Standing.CONFIRMED: _sct("52101004", "Present"),
    Standing.REJECTED: _own("REJECTED", "Not confirmed by the radiologist"),
    Standing.UNDECIDED: _own("UNDECIDED", "Found by software, not commented on by the radiologist"),
    Standing.NOT_GRADED: _own("NOTGRADED", "Not graded"),
}

SHAPE: Final = _own("SHAPE", "Shape of the vertebral fracture")
SHAPES: Final[Mapping[Deformity, Entry]] = {
    Deformity.WEDGE: _sct("20446002", "Wedge-shaped"),
    Deformity.BICONCAVE: _own("BICONCAVE", "Biconcave"),
    Deformity.CRUSH: _own("CRUSH", "Crush"),
}

ANTERIOR_HEIGHT: Final = _own("HEIGHTA", "Anterior height of vertebral body")
MIDDLE_HEIGHT: Final = _own("HEIGHTM", "Middle height of vertebral body")
POSTERIOR_HEIGHT: Final = _own("HEIGHTP", "Posterior height of vertebral body")
OWN_LOSS: Final = _own("LOSSOWN", "Height loss against largest own height")
EXPECTED_LOSS: Final = _own("LOSSEXP", "Height loss against expected height")
PROBABILITY: Final = _own("PROB2", "Probability of Genant grade 2 or 3")
PATIENT_PROBABILITY: Final = _own("PROBPAT2", "Probability of at least one vertebra of Genant grade 2 or 3")
MAX_GRADE: Final = _own("MAXGRADE", "Highest Genant grade")
FRACTURE_COUNT: Final = _own("COUNT", "Number of vertebral fractures")
DEFORMITY_INDEX: Final = _own("SDI", "Spinal deformity index")
ATTENUATION: Final = _dcm("112031", "Attenuation Coefficient")
MEAN: Final = _sct("373098007", "Mean")
STANDARD_DEVIATION: Final = _sct("386136009", "Standard Deviation")

MM: Final = Entry("mm", "UCUM", "mm", UCUM)
PERCENT: Final = Entry("%", "UCUM", "Percent", UCUM)
HOUNSFIELD: Final = Entry("[hnsf'U]", "UCUM", "Hounsfield unit", UCUM)
NO_UNITS: Final = Entry("1", "UCUM", "no units", UCUM)

ACQUISITION_EQUIPMENT: Final = _dcm("109101", "Acquisition Equipment")
PROCESSING_EQUIPMENT: Final = _dcm("109102", "Processing Equipment")
MULTIPLANAR_REFORMATTING: Final = _dcm("113072", "Multiplanar reformatting")
ARTIFICIAL_INTELLIGENCE: Final = _dcm("123110", "Artificial Intelligence")


def entries() -> tuple[Entry, ...]:
    """All codes, each once, in the order of this module."""
    found: list[Entry] = []
    for value in globals().values():
        several = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
        found += [one for one in several if isinstance(one, Entry)]
    return tuple(dict.fromkeys(found))
