"""From checkpoints to a bundle: averaged weights as safetensors, and the sums and numbers of its model card."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from models.catalogue import OF_SHAPES, SHELF, card, sha256
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
        _made_readable(path)
        content["sha256"][name] = sha256(path)
        content["training"][kind] = {"steps": saved["step"], **saved["plan"]}
    return _written(bundle, content, version)


def export_shape(shape: Trees, taught: dict[str, int], version: str) -> Path:
    """Write the trees that judge shapes into ct_spine, their sha256 and how they were `taught` into its card.

    Returns the card's path.
    """
    content = card("ct_spine")
    path = SHELF / "ct_spine" / "models" / OF_SHAPES
    shape.save(path)
    _made_readable(path)
    content["sha256"][path.name] = sha256(path)
    content["training"]["shape"] = taught
    return _written("ct_spine", content, version)


def _made_readable(path: Path) -> None:
    """safetensors writes files that their owner alone may read; who runs the analysis is often another user."""
    path.chmod(0o644)


def _written(bundle: str, content: dict[str, Any], version: str) -> Path:
    """The card without its operating points: those were measured with what stood there before."""
    content["version"] = version
    content.pop("operating_points", None)
    out = SHELF / bundle / "configs" / "metadata.json"
    out.write_text(json.dumps(content, indent=2) + "\n")
    return out
