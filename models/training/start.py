"""Where the training of the networks for films starts: the windows' from the fine CT network, which knows bodies
between discs, the close look's from the windows'."""

import torch
from safetensors.torch import load_file
from torch import Tensor

from models.catalogue import SHELF
from models.networks import FilmLookNet, StripNet

FIRST, LAST = "net.conv_0.conv_0.conv.weight", "net.final_conv"
LOCAL = 1
"""The channel of a prepared film that looks most like a CT section: grey against its surroundings."""

KEPT = (0, 1, 3, 4, 5, 6, 7)
"""Of the fine network's channels (background, body, posterior, disc, sacrum, heat, two offsets) all but posterior bone,
which is not told apart on films."""


def strip_from_section() -> dict[str, Tensor]:
    """The weights of the ct_spine fine network, fitted to `StripNet`: its one input feeds the second channel."""
    weights = load_file(SHELF / "ct_spine" / "models" / "fine.safetensors")
    fresh = StripNet().state_dict()
    first = torch.zeros_like(fresh[FIRST])
    first[:, LOCAL] = weights[FIRST][:, 0]
    last = {f"{LAST}.{part}": weights[f"{LAST}.{part}"][list(KEPT)] for part in ("weight", "bias")}
    return {**weights, FIRST: first, **last}


def close_from_strip() -> dict[str, Tensor]:
    """The weights of the xray_spine network of windows, fitted to `FilmLookNet`: it sees the look at half its size."""
    weights = load_file(SHELF / "xray_spine" / "models" / "strip.safetensors")
    fresh = FilmLookNet().state_dict()
    kept = {k: v for k, v in weights.items() if not k.startswith(LAST) and k != FIRST}
    return {**fresh, **kept, FIRST: weights[FIRST].repeat_interleave(4, 1) / 4}
