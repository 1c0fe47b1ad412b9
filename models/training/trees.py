"""Boosted trees fitted by scikit-learn, carried over to plain arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from models.trees import Trees

Floats = NDArray[np.float64]

SEEDS = 4
SETTINGS: dict[str, Any] = {
    "max_iter": 150, "learning_rate": 0.05, "max_leaf_nodes": 6, "min_samples_leaf": 20, "l2_regularization": 5.0,
    "max_features": 0.4, "early_stopping": False,
}  # fmt: skip
"""Few and shallow trees: real outlines differ from those of synthetic scans, and a finer fit would learn the latter."""
_LARGEST_ERROR = 1e-6


def fit(facts: Floats, is_so: NDArray[np.bool_], rising: tuple[bool, ...]) -> Trees:
    """Trees that give the probability of `is_so` [n] from `facts` [n, k] (NaN: not known), the mean log-odds of
    `SEEDS` fits. `rising` [k]: facts that may only raise it. Raises `ValueError` where the arrays would not say what
    scikit-learn says."""
    fits = [
        HistGradientBoostingClassifier(
            random_state=seed, monotonic_cst=[int(rises) for rises in rising], **SETTINGS
        ).fit(facts, is_so)
        for seed in range(SEEDS)
    ]
    trees = _as_arrays(fits)
    log_odds = np.mean([one.decision_function(facts) for one in fits], axis=0)
    if np.abs(trees.probability(facts) - 1 / (1 + np.exp(-log_odds))).max() > _LARGEST_ERROR:
        raise ValueError("The arrays do not say what the fitted trees say.")
    return trees


def _as_arrays(fits: list[HistGradientBoostingClassifier]) -> Trees:
    nodes = [tree.nodes for one in fits for (tree,) in one._predictors]
    starts = np.cumsum([0, *(len(one) for one in nodes)])[:-1]
    joined, offset = np.concatenate(nodes), np.repeat(starts, [len(one) for one in nodes])
    is_leaf, own = joined["is_leaf"].astype(bool), np.arange(len(joined))
    return Trees(
        feature=np.where(is_leaf, 0, joined["feature_idx"]).astype(np.int32),
        threshold=np.where(is_leaf, 0.0, joined["num_threshold"]),
        unknown_left=joined["missing_go_to_left"].astype(bool),
        left=np.where(is_leaf, own, joined["left"] + offset).astype(np.int32),
        right=np.where(is_leaf, own, joined["right"] + offset).astype(np.int32),
        value=np.where(is_leaf, joined["value"], 0.0) / len(fits),
        roots=starts.astype(np.int32),
        constant=np.array([np.mean([one._baseline_prediction for one in fits])]),
        depth=np.array([joined["depth"].max()], np.int32),
    )
