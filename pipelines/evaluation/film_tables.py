"""What was measured on a set of films as tables, and as JSON, with what was aimed for and whether it was reached."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipelines.evaluation.cases import Excluded
from pipelines.evaluation.film_parts import PartScore, by_level, by_part, film_curves
from pipelines.evaluation.film_run import FilmResults
from pipelines.evaluation.film_scores import FilmScores, film_scores
from pipelines.evaluation.films import FilmResult
from pipelines.evaluation.origin import Origin
from pipelines.evaluation.statistics import LEAST_FOR_A_VERDICT, Estimate
from pipelines.evaluation.tables import NONE, Row, Table, counted, reliability_table, strata, valued, written
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
    ("calibration error (ECE) of the probability", "calibration_error", BODY),
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
    """The tables of each annotations file, by its name where there are several: all its films, then split up."""
    several = len(results.of_file) > 1
    return tuple(
        table
        for file, read in results.of_file.items()
        for table in set_tables(results.names[file], read, f"{results.names[file]}: " if several else "")
    )


def set_tables(name: str, read: Sequence[FilmResult], of: str = "") -> tuple[Table, ...]:
    """The figures of one set of films, then split up by part and level; `of` begins the titles of these."""
    bins = film_curves(read).reliability
    return (
        film_table(name, film_scores(read)),
        _part_table(f"{of}By part of the spine", "part", by_part(read)),
        _part_table(f"{of}By level", "level", by_level(read)),
        *((strata(reliability_table(f"{of}Reliability of the probability", bins)),) if bins else ()),
    )


def left_out_table(excluded: Sequence[Excluded]) -> Table:
    """Every film that was refused or not evaluated, with why."""
    rows = tuple((one.name, one.reason) for one in excluded)
    words = "Each film that was refused, and each picture or annotation left out, with its reason."
    return Table("Refused or not evaluated", words, ("what", "why"), rows)


def _part_table(title: str, of: str, parts: Mapping[str, PartScore]) -> Table:
    header = (
        of,
        "found",
        "level right",
        "within one",
        "corner error",
        "Ha/Hp error",
        "falsely suspected",
        "fractures suspected",
    )
    rows = tuple(
        (
            part,
            *(
                written(one)
                for one in (
                    score.found,
                    score.level_right,
                    score.level_within_one,
                    score.corner_error,
                    score.ratio_error,
                    score.falsely_suspected,
                    score.fractures_suspected,
                )
            ),
        )
        for part, score in parts.items()
    )
    words = (
        "Found is of all in view (n); level, corners and Ha/Hp of the bodies found, false suspicion of the sound ones "
        "judged, fractures of those of grade 2 and above in view from T4 to L5. Errors are means; intervals are 95 %."
    )
    return Table(title, words, header, rows, is_strata=True)


def to_json(results: FilmResults, made: Origin) -> dict[str, Any]:
    """Plain data for a JSON file; names of files and of their folders only, never where they lie."""
    return {
        "schema": SCHEMA,
        "research_software": True,
        "notice": NOTICE,
        "made": asdict(made),
        "sets": {results.names[file]: _set(read) for file, read in results.of_file.items()},
        "excluded": [asdict(one) for one in results.excluded],
        "taken_up": results.taken_up,
        "outdated": results.outdated,
    }


def _set(read: Sequence[FilmResult]) -> dict[str, Any]:
    scores = film_scores(read)
    return asdict(scores) | {
        "targets": _verdicts(scores),
        "by_part": {part: asdict(score) for part, score in by_part(read).items()},
        "by_level": {level: asdict(score) for level, score in by_level(read).items()},
        "curves": asdict(film_curves(read)),
    }


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
