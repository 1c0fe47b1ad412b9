"""How long a CT of 300 slices of 512 x 512 takes from files on disk to its answer, and how much memory.

    python -m benchmarks.last_byte_to_flag [FOLDER]

Draws a synthetic CT (once, into FOLDER), runs `vfx-finder analyse` on it in a process of its own and, in the same
run, MONAI's own PydicomReader loading the same folder, so that the two can be compared. Over the whole line the
settle time of the sender comes on top (60 s by default, 5 s in the demo).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from scipy import ndimage as ndi

from models.synthesis.dicom_series import SyntheticPatient, write_series
from models.synthesis.spine import ordered
from models.synthesis.trunk import draw_trunk
from models.synthesis.volumes import FieldOfView, render_volume

SIZE = (512, 512, 300)
PIXEL_MM, SLICE_MM = 0.8, 1.25
_DRAWN = (205, 205, 150)
READER = "import sys; from monai.data import PydicomReader; r = PydicomReader(); r.get_data(r.read(sys.argv[1]));"


def draw(folder: Path) -> None:
    """Write the synthetic series of 300 slices, drawn at 2 mm and interpolated."""
    rng = np.random.default_rng(300)
    trunk = draw_trunk(rng, ordered({"L1": ("wedge", 0.35)}, variation=1.0))
    centre = {v.name: v.centre for v in trunk.spine.vertebrae}
    middle = (0.0, float(centre["L1"][1]) - 90.0, float(centre["S1"][2]) + 140.0)
    torch.set_num_threads(2)
    coarse = render_volume(trunk, FieldOfView(middle, _DRAWN, PIXEL_MM * 512 / 205, SLICE_MM * 2), rng)
    fine = ndi.zoom(coarse, [n / m for n, m in zip(SIZE, coarse.shape, strict=True)], order=1)
    patient = SyntheticPatient("SYN-BENCH", "SYNTHETIC^BENCHMARK", "F", "070Y", "", "20260105", "SYNTHETIC CT")
    write_series(folder, patient, fine, FieldOfView(middle, SIZE, PIXEL_MM, SLICE_MM))


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory (MB) of a command in a process of its own; it must succeed."""
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - began
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"failed: {' '.join(command)}")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Draw, run both, say what each took."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary) / "series"
        if not folder.exists():
            draw(folder)
        answer = Path(temporary) / "answer.json"
        command = [str(Path(sys.executable).parent / "vfx-finder"), "analyse", str(folder), "--json", str(answer)]
        ours, reader = timed(command), timed([sys.executable, "-c", READER, str(folder)])
        inside = json.loads(answer.read_text())
    table = Table("300 slices of 512 x 512", "seconds", "peak MB")
    table.add_row("vfx-finder analyse, whole process", f"{ours[0]:.1f}", f"{ours[1]:.0f}")
    for step, seconds in inside["seconds"].items():
        table.add_row(f"  of which {step}", f"{seconds:.1f}", "")
    table.add_row("MONAI PydicomReader, reading alone", f"{reader[0]:.1f}", f"{reader[1]:.0f}")
    Console().print(
        table, f"vertebrae found: {len(inside['vertebrae'])}", f"ratio to the reader: {ours[0] / reader[0]:.2f}"
    )


if __name__ == "__main__":
    main()
