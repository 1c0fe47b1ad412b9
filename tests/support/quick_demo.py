"""The demo as a user starts it, but with six tiny studies and a worker whose answers are made up.

Run as `python -m tests.support.quick_demo LOG`; everything else (database, listener, association, pages) is real.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from models.synthesis import demo as synthesis
from tests.support import dicom
from tests.support.ports import free_port
from vfx_finder.cli import _system
from vfx_finder.cli.demo import demo


def six_tiny_studies(folder: Path, progress: Callable[[str, float], None]) -> list[Path]:
    """Four slices of air a study, each of another person."""
    folders = [folder / f"study-{number}" for number in range(6)]
    for number, one in enumerate(folders):
        order = dicom.Order(f"demo {number}", dicom.Person(PatientID=f"DEMO-{number}"))
        for index, slice_ in enumerate(dicom.ct_series(order, dicom.Grid(slices=4))):
            one.mkdir(parents=True, exist_ok=True)
            (one / f"{index}.dcm").write_bytes(dicom.encoded(slice_))
        progress(one.name, 1.0)
    return folders


def main(log: Path) -> None:
    real = _system._command

    def command(name: str) -> tuple[str, ...]:
        made_up = (sys.executable, "-m", "tests.support.slow_worker", str(log), "0.1")
        return made_up if name == "work" else real(name)

    _system._command = command
    _system.free_ports = lambda count: [free_port() for _ in range(count)]
    synthesis.write_demo_studies = six_tiny_studies  # type: ignore[assignment]
    demo(exit_when_ready=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
