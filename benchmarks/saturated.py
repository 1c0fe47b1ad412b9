"""Memory and C-ECHO under load: `python -m benchmarks.saturated`.

25 associations at the real listener processes: 24 of DCMTK's storescu push CT slices, one asks C-ECHO again and again.
Prints the time to each echo's answer (median, 99th percentile, longest) and the memory of all listener processes
together (proportional set size, proc(5)), before, at most, and after.
"""

import argparse
import statistics
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console

from benchmarks.receive import HOST, ours, send, studies
from dicom_listener.emulator import Address, associated

ECHO = [("1.2.840.10008.1.1", "1.2.840.10008.1.2")]
EVERY_S = 0.05


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--senders", type=int, default=24)
    parser.add_argument("--images", type=int, default=1200, help="slices in all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vfx-bench-") as scratch:
        lots = studies(Path(scratch, "in"), arguments.images, arguments.senders)
        folder = Path(scratch, "listener")
        folder.mkdir()
        with ours(folder) as listener:
            before, waits, most = memory_mb(listener.process), [], [0.0]
            stop = threading.Event()
            asking = threading.Thread(target=_ask, args=(listener.port, waits, stop))
            looking = threading.Thread(target=_look, args=(listener.process, most, stop))
            with ThreadPoolExecutor(arguments.senders) as pool:
                asking.start(), looking.start()
                done = list(pool.map(lambda lot: send(lot, listener.port), lots))
            stop.set()
            asking.join(), looking.join()
            after = memory_mb(listener.process)
    waits.sort()
    Console().print(
        {
            "all images acknowledged": all(done),
            "echoes": len(waits),
            "echo ms, median": round(1000 * statistics.median(waits), 1),
            "echo ms, p99": round(1000 * waits[int(0.99 * (len(waits) - 1))], 1),
            "echo ms, longest": round(1000 * waits[-1], 1),
            "MB before, most, after": (round(before), round(most[0]), round(after)),
        }
    )


def memory_mb(process: int) -> float:
    """Of this process and its children, shared pages counted once, in 10^6 bytes."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return sum(_pss(int(one)) for one in [process, *children]) / 1000


def _pss(process: int) -> float:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    return next(float(line.split()[1]) * 1.024 for line in lines if line.startswith("Pss:"))


def _ask(port: int, waits: list[float], stop: threading.Event) -> None:
    with associated(Address(HOST, port, "VFXFINDER", "ECHO"), ECHO) as link:
        while not stop.wait(EVERY_S):
            began = time.perf_counter()
            assert link.send_c_echo().Status == 0
            waits.append(time.perf_counter() - began)


def _look(process: int, most: list[float], stop: threading.Event) -> None:
    while not stop.wait(0.5):
        most[0] = max(most[0], memory_mb(process))


if __name__ == "__main__":
    main()
