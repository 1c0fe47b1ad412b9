"""torchvision beside a CPU build of torch.

torchvision's wheels are built for CUDA: beside a CPU torch their native operators cannot be loaded, and
`import torchvision` itself fails ("operator torchvision::nms does not exist"). Where, and only where, that is so, the
two operators that the import needs are declared here, and non-maximum suppression gets a kernel in plain torch with
the meaning of the native one. Transforms, backbones, `ops.nms` and `ops.batched_nms` then work; operators that exist
only in C++ (`roi_pool`, `deform_conv2d`, `io.decode_image`) still say that they are missing.
"""

import importlib
import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def load_torchvision() -> ModuleType:
    """torchvision, ready to use with whichever build of torch is installed.

    Call it before the first `import torchvision` of a process. Raises `ModuleNotFoundError` if it is not installed.
    """
    if native_operators_load():
        return importlib.import_module("torchvision")
    _declare_operators()
    torchvision = importlib.import_module("torchvision")
    boxes = importlib.import_module("torchvision.ops.boxes")
    boxes._assert_has_ops = lambda: None  # type: ignore[attr-defined]  # nms now has a kernel; the rest still asks
    return torchvision


@cache
def native_operators_load() -> bool:
    """Whether torchvision's own compiled operators can be loaded into this process."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("torchvision is not installed")
    compiled = sorted(Path(spec.submodule_search_locations[0]).glob("_C.*"))
    if not compiled:
        return False
    try:
        torch.ops.load_library(compiled[0])
    except OSError:
        return False
    return True


@cache
def _declare_operators() -> torch.library.Library:
    """Declare the operators once; they last as long as the returned library, which the cache holds."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    for schema in SCHEMAS:
        library.define(schema)
    library.impl("nms", greedy_nms, "CompositeExplicitAutograd")
    return library


def greedy_nms(dets: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Indices of the boxes that are kept, best score first: each one drops every later box that overlaps it too much.

    `dets` [N, 4] are corners (x1, y1, x2, y2), `scores` [N]. A box is dropped when its intersection over union with a
    kept box is greater than `iou_threshold`. Equal scores keep their order; a box without area drops nothing.
    """
    order = scores.argsort(descending=True, stable=True)
    boxes = dets[order]
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    alive = torch.ones(len(boxes), dtype=torch.bool, device=dets.device)
    for first in range(len(boxes)):
        if not alive[first]:
            continue
        later = slice(first + 1, None)
        # Native code divides in the boxes' precision and compares in double: 0.6 in float32 is more than 0.6.
        overlap = _intersection(boxes[first], boxes[later])
        share = overlap / (area[first] + area[later] - overlap)
        alive[later] &= ~(share.double() > iou_threshold)
    return order[alive]


def _intersection(box: Tensor, others: Tensor) -> Tensor:
    """Area shared by one box [4] and each of the others [N, 4]."""
    upper_left = torch.maximum(box[:2], others[:, :2])
    lower_right = torch.minimum(box[2:], others[:, 2:])
    return (lower_right - upper_left).clamp(min=0).prod(dim=1)
