"""What `train` and `learn-shapes` share: patients measured under a bar, trees fitted and written into ct_spine."""

from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


def learnt_shapes(bar: Progress, folder: Path, version: str, jobs: int) -> Path:
    """What the installed networks measure of synthetic patients teaches which shapes are broken ones.

    `folder` keeps what was measured of each patient; returns the model card's path.
    """
    from models.synthesis.shape_patients import SEED
    from models.training.export import export_shape
    from pipelines import shape_training as shapes

    task = bar.add_task("shapes, patients measured", total=shapes.PATIENTS)
    learnt = shapes.learn(folder / "shapes", shapes.PATIENTS, lambda done, _: bar.update(task, completed=done), jobs)
    return export_shape(learnt, {"patients": shapes.PATIENTS, "seed": SEED}, version)
