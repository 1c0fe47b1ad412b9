"""The evaluation of films as one HTML file that needs nothing beside it, in the style of the page on CTs."""

from collections.abc import Sequence
from pathlib import Path

from pipelines.evaluation.film_charts import film_charts
from pipelines.evaluation.film_parts import by_level, by_part, film_curves
from pipelines.evaluation.film_run import FilmResults
from pipelines.evaluation.film_scores import is_broken
from pipelines.evaluation.film_tables import NOTICE, left_out_table, set_tables
from pipelines.evaluation.film_worst import (
    LARGE_CORNER_ERROR,
    MOST_FILMS,
    film_wrongs,
    is_falsely_suspected,
    is_misnamed,
    is_unsuspected_fracture,
    worst_films,
)
from pipelines.evaluation.films import BodyResult, FilmResult, StrayResult
from pipelines.evaluation.origin import Origin
from pipelines.evaluation.page_parts import (
    FILMS_FILE,
    PAGE_FILE,
    Case,
    Outline,
    Part,
    embedded,
    label_heights,
    rendered,
)
from pipelines.evaluation.tables import NONE, Section, Table, counted, number
from pipelines.evaluation.worst import in_words
from vfx_finder.domain.certainty import stated
from vfx_finder.domain.operating_point import ON_FILMS
from vfx_finder.domain.spine import Point

HEADER = ("true level", "said", "true Ha/Hp", "measured", "corners off", "true grade", "P(2+)", "remarks")
COLUMNS_A_LETTER, ROWS_A_LETTER = 30, 60
"""Films are of any size: letters are in proportion."""

EM_A_LETTER, GAP_EM = 0.64, 0.5
"""How wide a bold letter is, and the gap between picture and words, in heights of a letter."""

Named = tuple[str, FilmResult, Path | None]
"""A film under the name it is shown by, with its picture."""


def write_film_page(results: FilmResults, made: Origin, folder: Path, beside_cts: bool) -> Path:
    """Write the page into this folder, with a link to that of the CTs where there is one; where it lies."""
    file = folder / FILMS_FILE
    file.write_text(film_page(results, made, beside_cts), encoding="utf-8")
    return file


def film_page(results: FilmResults, made: Origin, beside_cts: bool = False) -> str:
    """The whole page as HTML."""
    films = _named(results)
    worst = worst_films([result for _, result, _ in films])
    content = {
        "made": made.words,
        "notice": NOTICE,
        "parts": [_part(results.names[file], at, read) for at, (file, read) in enumerate(results.of_file.items())],
        "suspected_from": f"{ON_FILMS.threshold:.0%}",
        "most_worst": MOST_FILMS,
        "far_off": LARGE_CORNER_ERROR,
        "worst": [_case(films[at], at) for at in worst],
        "films": _films_table(films),
        "excluded": left_out_table(results.excluded) if results.excluded else None,
        "ct_page": PAGE_FILE if beside_cts else "",
    }
    return rendered("films.html", content)


def _part(name: str, at: int, read: Sequence[FilmResult]) -> Part:
    tables = set_tables(name, read)
    drawn = film_charts(film_curves(read), by_level(read), by_part(read))
    return Part(Section(f"set-{at}", f"{name}: {counted(len(read), 'lateral film')}", tables), tuple(drawn))


def _named(results: FilmResults) -> list[Named]:
    """Every film; with the folder of its annotations where there are several."""
    several = len(results.of_file) > 1
    return [
        (f"{results.names[file]}/{one.film}" if several else one.film, one, results.pictures.get(file, {}).get(at))
        for file, read in results.of_file.items()
        for at, one in enumerate(read)
    ]


def _case(film: Named, at: int) -> Case:
    name, result, picture = film
    width, height = result.picture or (0, 0)
    em = round(max(width / COLUMNS_A_LETTER, height / ROWS_A_LETTER), 1)
    outlines = _outlines(result, em)
    gutter = GAP_EM + EM_A_LETTER * max((len(outline.words) for outline in outlines), default=0)
    return Case(
        anchor=f"case-{at}",
        name=name,
        facts=_facts(result),
        wrong=in_words(film_wrongs(result)),
        picture=embedded(picture),
        width=width,
        height=height,
        view_box=f"0 0 {width + gutter * em:.0f} {height}",
        em=em,
        outlines=outlines,
        header=HEADER,
        bodies=(*map(_body, result.bodies), *map(_stray, result.strays)),
    )


def _facts(result: FilmResult) -> str:
    found = f"{sum(body.found for body in result.bodies)} of {counted(len(result.bodies), 'body', 'bodies')} found"
    return f"{found}, {result.unsuitable}" if result.unsuitable else found


def _outlines(result: FilmResult, em: float) -> tuple[Outline, ...]:
    """The true corners without a word, then what is said: of each body as found, or where it was missed as it is."""
    true = [Outline(_points(body.true_outline), "true", 0, 0, "") for body in result.bodies if body.outline]
    said = [(body.outline or body.true_outline, _kind(body), _words(body)) for body in result.bodies]
    said += [(stray.outline, "false" if stray.inside else "beyond", _stray_words(stray)) for stray in result.strays]
    drawn = [(outline, kind, words) for outline, kind, words in said if outline]
    x, heights = (result.picture or (0, 0))[0] + GAP_EM * em, label_heights([outline for outline, *_ in drawn], em)
    told = zip(drawn, heights, strict=True)
    return (*true, *(Outline(_points(outline), kind, x, y, words) for (outline, kind, words), y in told))


def _points(outline: Sequence[Point]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in outline)


def _kind(body: BodyResult) -> str:
    if is_unsuspected_fracture(body):
        return "missed"
    if is_falsely_suspected(body):
        return "false"
    if not body.found:
        return "lost"
    return "named" if is_misnamed(body) else "right"


def _words(body: BodyResult) -> str:
    name = f"{body.called}" if not is_misnamed(body) else f"{body.called} (true {body.level})"
    said = (
        name if body.found else f"{body.level} not found",
        "suspected" if body.suspected else "",
        f"(true g{body.grade})" if is_broken(body) else "",
    )
    return " ".join(word for word in said if word)


def _stray_words(stray: StrayResult) -> str:
    return f"{stray.called}? suspected" if stray.suspected else f"{stray.called}?"


def _body(body: BodyResult) -> tuple[str, ...]:
    measured, true = body.ratio or (None, None)
    remarks = (
        "suspected" if body.suspected else "",
        "found, not judged" if body.found and body.probability is None else "",
    )
    return (
        body.level.value,
        body.called.value if body.called else "missed",
        number(true, ".2f"),
        number(measured, ".2f"),
        number(body.corner_error, ".2f"),
        number(body.grade, "d"),
        _stated(body.probability),
        ", ".join(remark for remark in remarks if remark),
    )


def _stray(stray: StrayResult) -> tuple[str, ...]:
    where = "no true body here" if stray.inside else "above the first known body"
    remarks = f"{where}, suspected" if stray.suspected else where
    return (NONE, stray.called.value, NONE, NONE, NONE, NONE, _stated(stray.probability), remarks)


def _stated(probability: float | None) -> str:
    """A probability of grade 2 or 3 as the product states it; a dash where there is none."""
    return number(None if probability is None else stated(probability), ".2f")


def _films_table(films: Sequence[Named]) -> Table:
    header = ("film", "bodies found", "seconds", "what went wrong")
    rows = tuple(
        (name, _facts(result), f"{result.seconds:.1f}", ", ".join(in_words(film_wrongs(result))) or "nothing")
        for name, result, _ in films
    )
    return Table(f"All {counted(len(films), 'film')}", "", header, rows)
