"""From checkpoints to a bundle: averaged weights as safetensors, and the sums and numbers of its model card."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from models.catalogue import SHELF, card, sha256
from models.trees import Trees

PARTS = {
    "ct_spine": {
        "section": "fine.safetensors",
        "look": "look.safetensors",
        "block": "coarse.safetensors",
        "kind": "kind.safetensors",
    },
    "xray_spine": {
        "film": "film.safetensors",
        "strip": "strip.safetensors",
        "close": "look.safetensors",
        "view": "view.safetensors",
    },
}
"""Which network of a bundle is kept in which file, in the order of training."""


def export(folder: Path, bundle: str, version: str) -> Path:
    """Write the averaged weights of the checkpoints in `folder` into `bundle`, and their sha256 into its card.

    Returns the card's path. Raises `FileNotFoundError` where a checkpoint is missing.
    """
    content, target = card(bundle), SHELF / bundle
    (target / "models").mkdir(exist_ok=True)
    for kind, name in PARTS[bundle].items():
        saved = torch.load(folder / f"{kind}.ckpt.pt", weights_only=True)
        path = target / "models" / name
        save_file({k: v.contiguous() for k, v in saved["average"].items()}, path)
        content["sha256"][name] = sha256(path)
        content["training"][kind] = {"steps": saved["step"], **saved["plan"]}
    content["version"] = version
    content.pop("operating_points", None)  # measured with other weights
    out = target / "configs" / "metadata.json"
    out.write_text(json.dumps(content, indent=2) + "\n")
    return out


def export_shape(shape: Trees, taught: dict[str, int], version: str) -> Path:
    """Write the trees that judge shapes into ct_spine, their sha256 and how they were `taught` into its card.

    Returns the card's path.
    """
    content, target = card("ct_spine"), SHELF / "ct_spine"
    path = target / "models" / "shape.safetensors"
    shape.save(path)
    content["sha256"][path.name] = sha256(path)
    content["training"]["shape"] = taught
    content["version"] = version
    content.pop("operating_points", None)  # measured with other trees
    out = target / "configs" / "metadata.json"
    out.write_text(json.dumps(content, indent=2) + "\n")
    return out
