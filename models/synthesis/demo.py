"""Synthetic studies: the six of the demonstration, each with one clear story, and any number of random ones."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from models.synthesis.dicom_series import SyntheticPatient, write_series
from models.synthesis.spine import SpineOptions, ordered
from models.synthesis.trunk import Trunk, draw_trunk
from models.synthesis.volumes import FieldOfView, answer_key, render_volume

Progress = Callable[[str, float], None]
STUDY_DATE = "20260105"
_SPINE_FIELD = ((128, 112, 140), 1.5, 3.0)
_PATIENTS_OF_A_SEED = 10_000
"""Random patients of two seeds are different people, and none of them one of the demonstration."""
_LIMB_FIELD = ((80, 80, 40), 2.0, 3.0)


@dataclass(frozen=True)
class Story:
    """One synthetic study: its name, patient and fractures {level: (kind, loss)}; None where there is no spine."""

    name: str
    age: int
    sex: str
    fractures: dict[str, tuple[str, float]] | None
    seed: int


DEMO = (
    Story("normal", 66, "F", {}, 11),
    Story("grade-1", 71, "F", {"L1": ("wedge", 0.14)}, 12),
    Story("grade-2-wedge", 74, "F", {"T12": ("wedge", 0.30)}, 13),
    Story("grade-3-crush", 81, "M", {"L2": ("crush", 0.50)}, 14),
    Story("two-moderate", 78, "F", {"T11": ("wedge", 0.25), "L3": ("biconcave", 0.20)}, 15),
    Story("no-spine", 69, "M", None, 16),
)
"""Losses that leave each fracture well inside its grade (readers put grade 1, 2 and 3 from 11, 17 and 33 % of loss),
whatever the generator's chance adds: on a bound a story would be told now one way, now the other."""


def write_demo_studies(folder: Path, progress: Progress | None = None) -> list[Path]:
    """Write the six demonstration studies, one folder of DICOM slices each with `truth.json` beside it."""
    return [_write(story, folder, number, progress) for number, story in enumerate(DEMO, start=1)]


def write_random_studies(folder: Path, count: int, seed: int, progress: Progress | None = None) -> list[Path]:
    """Write `count` random studies, each with its own spine, fractures and answer key; another seed, other patients."""
    paths = []
    for number in range(1, count + 1):
        rng = np.random.default_rng([seed, number])
        age, sex = int(rng.integers(45, 92)), str(rng.choice(["F", "M"]))
        story = Story(f"random-{number:04d}", age, sex, None, _PATIENTS_OF_A_SEED * (seed + 1) + number)
        trunk = draw_trunk(rng, SpineOptions())
        paths.append(_render(story, trunk, _spine_field(trunk), folder / story.name, rng, progress))
    return paths


def _write(story: Story, folder: Path, number: int, progress: Progress | None) -> Path:
    rng = np.random.default_rng([20260105, story.seed])
    options = ordered(story.fractures or {})
    trunk = draw_trunk(rng, options)
    field = _limb_field(trunk) if story.fractures is None else _spine_field(trunk)
    return _render(story, trunk, field, folder / f"{number}-{story.name}", rng, progress)


def _spine_field(trunk: Trunk) -> FieldOfView:
    """From about T5 to the sacrum, the spine in its middle."""
    centre = {v.name: v.centre for v in trunk.spine.vertebrae}
    foot = centre["S1"][2] - 45
    size, pixel, thick = _SPINE_FIELD
    return FieldOfView((0.0, float(centre["L1"][1]) - 12, float(foot + size[2] * thick / 2)), size, pixel, thick)


def _limb_field(trunk: Trunk) -> FieldOfView:
    """Beside the hip: thigh bone and muscle, no spine."""
    s1 = next(v.centre for v in trunk.spine.vertebrae if v.name == "S1")
    size, pixel, thick = _LIMB_FIELD
    return FieldOfView((float(s1[0]) + 150, float(s1[1]) - 30, float(s1[2]) - 190), size, pixel, thick)


def _render(
    story: Story, trunk: Trunk, field: FieldOfView, out: Path, rng: np.random.Generator, progress: Progress | None
) -> Path:
    def tell(share: float) -> None:
        if progress:
            progress(story.name, share)

    torch.set_num_threads(1)  # a second thread costs these small tensors more than it brings
    volume = render_volume(trunk, field, rng, tell)
    write_series(out, _patient(story), volume, field)
    truth = [asdict(v) for v in answer_key(trunk, field)]
    key = {"synthetic": True, "story": story.name, "vertebrae": truth}
    (out.parent / f"{out.name}.truth.json").write_text(json.dumps(key, indent=1) + "\n")
    return out


def _patient(story: Story) -> SyntheticPatient:
    return SyntheticPatient(
        PatientID=f"SYN-{story.seed:05d}",
        PatientName=f"SYNTHETIC^{story.name.upper().replace('-', ' ')}",
        PatientSex=story.sex,
        PatientAge=f"{story.age:03d}Y",
        PatientBirthDate=f"{2026 - story.age - 1}0701",
        StudyDate=STUDY_DATE,
        StudyDescription="SYNTHETIC CT, NO REAL PATIENT",
    )
