"""torchvision works beside the CPU build of torch, and means there what its native operators mean."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.torchvision_on_cpu import greedy_nms, load_torchvision, native_operators_load

# Answers of torchvision 0.28's compiled operator to `scattered(seed=1, count=30)`.
NATIVE_ANSWERS = {
    0.1: [12, 17, 1, 25, 13, 27, 15, 2, 18, 0, 28, 24, 5, 3],
    0.3: [12, 17, 1, 25, 13, 27, 15, 2, 18, 0, 28, 24, 19, 4, 5, 3, 9, 10, 26, 8, 22, 7, 23, 20],
    0.6: [12, 17, 1, 14, 25, 13, 27, 15, 2, 18, 16, 0, 11, 28, 24, 19, 21, 4, 5, 3, 9, 10, 26, 8, 22, 7, 23, 6, 20],
}


def scattered(seed: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Random boxes and scores."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 100, (count, 2))
    size = rng.uniform(5, 40, (count, 2))
    boxes = np.concatenate([corner, corner + size], 1).astype(np.float32)
    return torch.from_numpy(boxes), torch.from_numpy(rng.uniform(size=count).astype(np.float32))


def by_hand(boxes: np.ndarray, scores: np.ndarray, most: float) -> list[int]:
    """The textbook definition in plain Python."""
    waiting = sorted(range(len(boxes)), key=lambda i: -scores[i])
    kept: list[int] = []
    while waiting:
        best = waiting.pop(0)
        kept.append(best)
        waiting = [i for i in waiting if overlap(boxes[best], boxes[i]) <= most]
    return kept


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes, in float32."""
    wide = max(np.float32(0), min(a[2], b[2]) - max(a[0], b[0]))
    high = max(np.float32(0), min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - wide * high
    return float(wide * high / union)


@pytest.mark.parametrize("most", NATIVE_ANSWERS)
def test_gives_the_answers_of_the_native_operator(most):
    """The recorded answers of the compiled operator come out again, in the same order."""
    assert load_torchvision().ops.nms(*scattered(1, 30), most).tolist() == NATIVE_ANSWERS[most]


def test_equal_scores_and_an_overlap_on_the_threshold():
    """Ties keep their order, six tenths in float32 is over 0.6, and boxes without area never drop each other."""
    boxes = torch.tensor(
        [[0, 0, 10, 10], [0, 0, 10, 6], [20, 20, 30, 30], [20, 20, 30, 30], [5, 5, 5, 5], [5, 5, 5, 5]],
        dtype=torch.float32,
    )
    scores = torch.tensor([0.9, 0.8, 0.7, 0.7, 0.5, 0.5])
    assert load_torchvision().ops.nms(boxes, scores, 0.6).tolist() == [0, 2, 4, 5]


@given(seed=st.integers(0, 10_000), count=st.integers(0, 40), most=st.floats(0, 1))
def test_is_what_the_textbook_says(seed, count, most):
    """Any set of boxes, none included, is thinned as the definition says."""
    boxes, scores = scattered(seed, count)
    assert greedy_nms(boxes, scores, most).tolist() == by_hand(boxes.numpy(), scores.numpy(), most)


def test_classes_do_not_compete():
    """`batched_nms` thins each class alone, by both of torchvision's own ways of doing that."""
    torchvision = load_torchvision()
    boxes, scores = scattered(3, 60)
    classes = torch.arange(60) % 3
    apart = [
        index
        for each in range(3)
        for index in torch.where(classes == each)[0][by_hand(*_numpy(boxes, scores, classes == each), 0.3)].tolist()
    ]
    kept = torchvision.ops.batched_nms(boxes, scores, classes, 0.3).tolist()
    assert kept == sorted(apart, key=lambda i: -float(scores[i]))
    assert kept == torchvision.ops.boxes._batched_nms_vanilla(boxes, scores, classes, 0.3).tolist()


def _numpy(boxes, scores, chosen):
    return boxes[chosen].numpy(), scores[chosen].numpy()


def test_transforms_and_a_backbone_run():
    """What is needed of torchvision runs: transforms v2 and a small network."""
    torchvision = load_torchvision()
    from torchvision.transforms import v2

    picture = v2.Compose([v2.Resize((64, 48), antialias=True), v2.Normalize([0.5], [0.5])])(torch.rand(1, 1, 90, 60))
    assert picture.shape == (1, 1, 64, 48)
    network = torchvision.models.resnet18(num_classes=3).eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 64, 64)).shape == (1, 3)


def test_missing_operators_still_say_so():
    """An operator without a kernel fails loudly; nothing is pretended."""
    if native_operators_load():
        pytest.skip("this torch loads the native operators")
    with pytest.raises(RuntimeError, match=r"custom C\+\+ ops"):
        load_torchvision().ops.roi_pool(torch.rand(1, 1, 8, 8), torch.tensor([[0.0, 0, 0, 4, 4]]), 2)


def test_works_after_monai_has_tried_to_import_it():
    """MONAI tries torchvision and swallows the failure; a later load in that process still succeeds."""
    story = (
        "import monai; from models.torchvision_on_cpu import load_torchvision; import torch;"
        "print(load_torchvision().ops.nms(torch.tensor([[0.,0,2,2],[0,0,2,2]]), torch.tensor([.1,.9]), .5).tolist())"
    )
    done = subprocess.run([sys.executable, "-c", story], capture_output=True, text=True, check=True, timeout=300)
    assert done.stdout.split("\n")[-2] == "[1]"
