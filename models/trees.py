"""Boosted decision trees as plain arrays: no pickle, and nothing but numpy to ask them."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trees:
    """Trees whose leaves add up to log-odds. All arrays but `roots` and `constant` hold one entry a node.

    A node sends a row to `left` where its fact `feature` is at most `threshold`, or is not known (NaN) and
    `unknown_left`; else to `right`. A leaf leads to itself and holds its share of the log-odds in `value`. `roots`: the
    first node of each tree; `constant` [1]: the log-odds before any tree; `depth` [1]: of the deepest leaf.
    """

    feature: NDArray[np.int32]
    threshold: Floats
    unknown_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats
    roots: NDArray[np.int32]
    constant: Floats
    depth: NDArray[np.int32]

    def probability(self, facts: Floats) -> Floats:
        """Probability (0..1) [n] for rows of facts [n, k]."""
        at = np.tile(self.roots, (len(facts), 1))
        rows = np.arange(len(facts))[:, None]
        for _ in range(int(self.depth[0])):
            known = facts[rows, self.feature[at]]
            left = np.where(np.isnan(known), self.unknown_left[at], known <= self.threshold[at])
            at = np.where(left, self.left[at], self.right[at])
        return np.asarray(1.0 / (1.0 + np.exp(-self.constant[0] - self.value[at].sum(1))))

    def save(self, path: Path) -> None:
        """Write the arrays as safetensors."""
        save_file({one.name: np.ascontiguousarray(getattr(self, one.name)) for one in fields(self)}, path)

    @classmethod
    def load(cls, path: Path) -> "Trees":
        """The trees of a file that `save` wrote."""
        return cls(**load_file(path))
