"""A quarter of an hour of kill -9: `python -m benchmarks.soak`.

20,000 small instances of 400 studies from 8 senders, while listener, worker and database are each killed once a
minute. The worker's analysis is made up and quick. Prints what became of them; exit status 1 unless every
acknowledged instance is in the ledger and whole, every study has ended, and none has two results of the same images.
"""

import argparse
import dataclasses
import tempfile
from pathlib import Path

from rich.console import Console

from tests.support.soak import Load, soak


def main() -> None:
    """Soak and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    for field in dataclasses.fields(Load):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default)
    load = Load(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory(prefix="vfx-soak-") as folder:
        outcome = soak(Path(folder), load)
    said = dataclasses.asdict(outcome) | {"acknowledged": len(outcome.acknowledged)}
    Console().print(dataclasses.asdict(load), said)
    raise SystemExit(0 if outcome.is_good and len(outcome.acknowledged) == load.studies * load.instances else 1)


if __name__ == "__main__":
    main()
