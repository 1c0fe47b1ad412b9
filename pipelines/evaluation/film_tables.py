"""What was measured on a set of films as one table, and as JSON, with what was aimed for and whether it was reached."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pipelines.evaluation.film_run import FilmResults
from pipelines.evaluation.film_scores import FilmScores, film_scores
from pipelines.evaluation.origin import Origin
from pipelines.evaluation.statistics import LEAST_FOR_A_VERDICT, Estimate
from pipelines.evaluation.tables import NONE, Row, Table, counted, valued
from pipelines.evaluation.targets import DECIMALS, Target

SCHEMA = "vfx-finder/films/1"
NOTICE = "Films are research: nothing here is clinical evidence."
Counted = tuple[str, str]
BODY, FILM = ("body", "bodies"), ("film", "films")

AT_LEAST = (
    ("films accepted", "accepted", FILM, 1.0),
    ("bodies found, T7 to L5", "recall_lower", BODY, 0.95),
    ("bodies found, T1 to T6", "recall_upper", BODY, 0.80),
    ("level right", "level_right", BODY, 0.85),
    ("level right within one", "level_within_one", BODY, 0.97),
    ("AUC of grade 2 and above, per vertebra", "auc_vertebra", BODY, 0.95),
    ("the same, per film", "auc_film", FILM, 0.97),
)
AT_MOST = (
    ("false bodies per film", "false_bodies", FILM, 0.5),
    ("corner error over vertebral height", "corner_error", BODY, 0.08),
    ("Ha/Hp error, mean absolute", "ratio_error", BODY, 0.04),
    ("sound vertebrae falsely suspected", "falsely_suspected", BODY, 0.02),
    ("seconds per film", "seconds", FILM, 3.0),
)
WITHOUT_TARGET = (
    ("grade 2 and above in view, T4 to L5, suspected", "fractures_suspected", BODY),
    ("films read with such, suspected", "films_suspected", FILM),
    ("films read without, not suspected", "films_spared", FILM),
)
"""What is told of a set of films: its words, the figure, what its n counts, and its aim."""

WORDS = (
    "Intervals resample films. A refused film counts: its bodies as missed, the film as not suspected (not among the "
    "films read). Level, corners and Ha/Hp are of the bodies found, false suspicion and AUC per vertebra of those "
    f"judged. On fewer than {LEAST_FOR_A_VERDICT} films (for an AUC: with grade 2 and above, or without) nothing is "
    "called met or missed."
)


def film_table(name: str, scores: FilmScores) -> Table:
    """The figures of one set of films; for an AUC `films` counts those of the rarer kind."""
    refused = f", {scores.refused} of them refused" if scores.refused else ""
    rows = [_against(target, of) for target, of in _targets(scores)]
    rows += [_row(words, getattr(scores, key), of) for words, key, of in WITHOUT_TARGET]
    spread = NONE if scores.ratio_spread is None else f"{scores.ratio_spread:.3f}"
    n = counted(scores.ratio_error.n, *BODY)
    rows.append(("spread (SD) of true Ha/Hp in those measured", spread, n, str(scores.ratio_error.subjects), "", ""))
    header = ("measure", "value [95 %]", "n", "films", "target", "met?")
    return Table(f"{name}: {counted(scores.films, 'lateral film')}{refused}", WORDS, header, tuple(rows))


def film_tables(results: FilmResults) -> tuple[Table, ...]:
    """One table for each annotations file."""
    return tuple(film_table(name, scores) for name, scores in _scores(results))


def to_json(results: FilmResults, made: Origin) -> dict[str, Any]:
    """Plain data for a JSON file; names of files and of their folders only, never where they lie."""
    return {
        "schema": SCHEMA,
        "research_software": True,
        "notice": NOTICE,
        "made": asdict(made),
        "sets": {name: asdict(scores) | {"targets": _verdicts(scores)} for name, scores in _scores(results)},
        "excluded": [asdict(one) for one in results.excluded],
        "taken_up": results.taken_up,
        "outdated": results.outdated,
    }


def _scores(results: FilmResults) -> list[tuple[str, FilmScores]]:
    return [(results.names[file], film_scores(read)) for file, read in results.of_file.items()]


def _targets(scores: FilmScores) -> list[tuple[Target, Counted]]:
    low = [(Target(words, getattr(scores, key), aim), of) for words, key, of, aim in AT_LEAST]
    high = [(Target(words, getattr(scores, key), aim, at_least=False), of) for words, key, of, aim in AT_MOST]
    return low + high


def _verdicts(scores: FilmScores) -> Sequence[dict[str, str]]:
    return [
        {"measure": one.name, "target": one.words, "met": one.verdict.value}
        for one, _ in _targets(scores)
        if one.estimate.value is not None
    ]


def _against(target: Target, of: Counted) -> Row:
    words, value, n, films, *_ = _row(target.name, target.estimate, of, target.decimals)
    return words, value, n, films, target.words, target.verdict.value


def _row(words: str, estimate: Estimate, of: Counted, decimals: int = DECIMALS) -> Row:
    return words, valued(estimate, decimals), counted(estimate.n, *of), str(estimate.subjects), "", ""
