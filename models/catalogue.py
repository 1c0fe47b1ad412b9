"""What stands on the shelf, and how it is loaded. Importing this module imports nothing heavy."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vfx_finder.domain.errors import Broken
from vfx_finder.domain.finding import ModelVersion

if TYPE_CHECKING:
    from torch import nn

    from models.runner import CtSpine
    from models.view_runner import GatedXraySpine

SHELF = Path(__file__).parent
BUNDLES = ("ct_spine", "xray_spine")
OF_SHAPES = "shape.safetensors"
WEIGHTS = {
    "ct_spine": ("coarse.safetensors", "fine.safetensors", "look.safetensors", "kind.safetensors", OF_SHAPES),
    "xray_spine": ("film.safetensors", "strip.safetensors", "look.safetensors", "view.safetensors"),
}


@dataclass(frozen=True)
class Models:
    """The installed models. `xray_spine` is None unless it is asked for: what it was measured at is no basis for a
    worklist yet (docs/evidence/xray_spine.md)."""

    ct_spine: "CtSpine"
    xray_spine: "GatedXraySpine | None" = None


def card(bundle: str) -> dict[str, Any]:
    """The bundle's metadata (model card in numbers): version, sha256 of each weight file, data, intended use."""
    content: dict[str, Any] = json.loads((SHELF / bundle / "configs" / "metadata.json").read_text())
    return content


def sha256(path: Path) -> str:
    """The sha256 of a file, as hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(bundle: str) -> ModelVersion:
    """The bundle's version, after its weight files were found unchanged.

    Raises `Broken` where a file is missing or its sha256 differs from the card.
    """
    known = card(bundle)
    sums = []
    for name in WEIGHTS[bundle]:
        path = SHELF / bundle / "models" / name
        if not path.exists():
            raise Broken(f"The weights {bundle}/{name} are missing: install the package again.")
        sums.append(sha256(path))
        if sums[-1] != known["sha256"][name]:
            raise Broken(f"The weights {bundle}/{name} are not those of the model card: install the package again.")
    return ModelVersion(bundle, known["version"], hashlib.sha256("".join(sums).encode()).hexdigest())


def processor() -> str:
    """What networks run on here: the name of the accelerator, or "" where there is none and the CPU does it."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def load(device: str | None = None, *, films: bool = False) -> Models:
    """The installed models, weights checked against their cards, on `device` (CUDA when there is one).

    `films`: with the research model for lateral films. Without it radiographs stay listed as not analysed.
    """
    from models.runner import CtSpine, Networks
    from models.trees import Trees

    chosen, version = device or ("cuda" if processor() else "cpu"), check("ct_spine")
    coarse, fine, look, kind = _networks("ct_spine", ("coarse", "fine", "look", "kind"))
    shape = Trees.load(SHELF / "ct_spine" / "models" / OF_SHAPES)
    ct_spine = CtSpine(Networks(coarse, fine, look, kind, shape), version, chosen)
    return Models(ct_spine, load_films(chosen) if films else None)


def load_films(device: str | None = None) -> "GatedXraySpine":
    """The research model for lateral films alone."""
    from models.film_runner import FilmNetworks
    from models.view_runner import GatedXraySpine

    *nets, view = _networks("xray_spine", ("film", "strip", "look", "view"))
    return GatedXraySpine(FilmNetworks(*nets), view, check("xray_spine"), device or ("cuda" if processor() else "cpu"))


def _networks(bundle: str, parts: tuple[str, ...]) -> "list[nn.Module]":
    """The networks of a bundle in this order, with their weights."""
    from monai.bundle import ConfigParser
    from safetensors.torch import load_file

    check(bundle)
    parser = ConfigParser()
    parser.read_config(SHELF / bundle / "configs" / "inference.json")
    nets: list[nn.Module] = []
    for part in parts:
        net = parser.get_parsed_content(f"{part}_net")
        net.load_state_dict(load_file(SHELF / bundle / "models" / f"{part}.safetensors"))
        nets.append(net)
    return nets
