"""What `train` and `learn-shapes` share: patients measured under a bar, trees fitted and written into ct_spine."""

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PATIENTS = 850
"""So many synthetic patients teach the shapes; 820 taught no less (docs/evidence/ct_spine.md)."""

UNLEARNT = ", shapes not yet learnt"
"""Stands behind the version of a bundle whose networks are new and whose trees are not yet."""

COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


def retrained(bundle: str) -> str:
    """The version of a bundle whose weights were made anew here, where none is given."""
    from models.catalogue import card

    return f"{card(bundle)['version'].partition('+')[0].removesuffix(UNLEARNT)}+retrained"


def learnt_shapes(bar: Progress, folder: Path, version: str, jobs: int) -> Path:
    """What the installed networks measure of synthetic patients teaches which shapes are broken ones.

    `folder` keeps what was measured of each patient; returns the model card's path.
    """
    from models.synthesis.shape_patients import SEED
    from models.training.export import export_shape
    from pipelines.shape_training import learn

    task = bar.add_task("shapes, patients measured", total=PATIENTS)
    learnt = learn(folder / "shapes", PATIENTS, lambda done, _: bar.update(task, completed=done), jobs)
    return export_shape(learnt, {"patients": PATIENTS, "seed": SEED}, version)
