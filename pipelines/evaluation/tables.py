"""An evaluation as tables of words, for the command line and the page alike. No figure stands without its n."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.evaluation import meanings
from pipelines.evaluation.calls import CallScore
from pipelines.evaluation.grading import GradingScore
from pipelines.evaluation.location import LocationScore
from pipelines.evaluation.paired import PairedScore
from pipelines.evaluation.patients import Analysed, PatientScore, Spent
from pipelines.evaluation.report import Evaluation, ImageScores, MaskScores
from pipelines.evaluation.statistics import LEAST_FOR_A_VERDICT, Bin, Estimate
from pipelines.evaluation.targets import DECIMALS, Target, mask_targets, real_targets, synthetic_targets

MEANING = "what it is"
"""Heading of a last column that explains each row."""

MEASURES = ("measure", "value", "95 %", "n", MEANING)
NONE = "-"

Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table with its title, a sentence on how to read it (may be empty), its heading and its rows. `is_strata`: it
    splits up what another table tells of all, and is shown where it is asked for."""

    title: str
    words: str
    header: Row
    rows: tuple[Row, ...]
    is_strata: bool = False


@dataclass(frozen=True)
class Section:
    """Tables on one kind of case."""

    name: str
    title: str
    tables: tuple[Table, ...]


def sections(told: Evaluation) -> tuple[Section, ...]:
    """All tables, by kind of case."""
    found = []
    if told.synthetic:
        found.append(
            Section(
                "synthetic",
                "Synthetic images with exact truth",
                _image_tables(told.synthetic, synthetic_targets(told.synthetic)),
            )
        )
    if told.real:
        found.append(Section("real", "CTs with an expert mask", _image_tables(told.real, real_targets(told.real))))
    if told.masks:
        found.append(Section("masks", "Masks with published grades, no network", _mask_tables(told.masks)))
    return tuple(found)


def excluded_table(told: Evaluation) -> Table:
    """Every file that was not evaluated, with why."""
    rows = tuple((item.name, item.reason) for item in told.excluded)
    return Table("Not evaluated", "Each file or vertebra left out, with its reason.", ("what", "why"), rows)


def reliability_table(title: str, bins: Sequence[Bin]) -> Table:
    """What was said and what came true, bin by bin."""
    rows = tuple(
        (f"{one.low:.0%} to {one.high:.0%}", str(one.n), f"{one.predicted:.3f}", f"{one.happened:.3f}") for one in bins
    )
    words = (
        "Of the vertebrae given such a probability, the share that truly is of grade 2 or 3; as computed, before the "
        "bounds of 1 % and 99 % within which the product states it."
    )
    return Table(title, words, ("probability", "n", "mean said", "true"), rows)


def written(estimate: Estimate, decimals: int = DECIMALS) -> str:
    """Value, interval and n in one cell."""
    return NONE if estimate.value is None else f"{valued(estimate, decimals)} n {estimate.n}"


def valued(estimate: Estimate, decimals: int = DECIMALS) -> str:
    """Value and interval in one cell."""
    form = f".{decimals}f"
    interval = f" [{_interval(estimate, form)}]" if estimate.low is not None else ""
    return NONE if estimate.value is None else f"{estimate.value:{form}}{interval}"


def counted(count: int, one: str, many: str = "") -> str:
    """A number of things in words: "1 patient", "2 patients"; `many` where no "s" makes the plural."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def number(value: float | None, form: str = ".3f") -> str:
    """A number, or a dash where there is none."""
    return NONE if value is None else format(value, form)


def _image_tables(scores: ImageScores, targets: Sequence[Target]) -> tuple[Table, ...]:
    tables = [
        *_target_table(targets),
        _location_table("Found, named and measured: all images", scores.location),
        *(
            strata(_location_table(f"The same, {name}", score))
            for name, score in scores.by_anchor.items()
            if _is_split(scores)
        ),
    ]
    if scores.patients and scores.patients_all:
        tables += [
            _patients_table("Patients, T4 to L4", scores.patients),
            strata(_patients_table("Patients, every graded level", scores.patients_all)),
        ]
    if scores.calls and scores.calls_all:
        tables += [
            _calls_table("Vertebrae, T4 to L4", scores.calls),
            strata(_calls_table("Vertebrae, every graded level", scores.calls_all)),
            strata(_by_grade_table(scores.calls)),
            strata(_confusion_table(scores.calls.table)),
        ]
    parted = [(name, parts) for name, parts in scores.splits.items() if len(parts) > 1 or name == "level"]
    tables += [strata(_split_table(name, parts)) for name, parts in parted]
    if scores.curves and scores.curves.reliability:
        tables.append(strata(reliability_table("Reliability of the probability, T4 to L4", scores.curves.reliability)))
    if scores.paired:
        tables.append(strata(_paired_table(scores.paired)))
    return (*tables, _analysed_table(scores.analysed), _spent_table(scores.spent))


def strata(table: Table) -> Table:
    """The same table, as one that splits up another."""
    return replace(table, is_strata=True)


def _is_split(scores: ImageScores) -> bool:
    return len(scores.by_anchor) > 1


def _mask_tables(scores: MaskScores) -> tuple[Table, ...]:
    kinds = (
        ("T4 to L4", scores.t4_l4, scores.t4_l4_refitted),
        ("every graded level", scores.every_level, scores.every_level_refitted),
    )
    told = tuple(
        table
        for name, fixed, refitted in kinds
        if fixed and refitted
        for table in (
            _grading_table(f"Published grades, {name}", fixed, refitted),
            strata(_confusion_table(fixed.table, f", published grades, {name}, fixed rule")),
        )
    )
    return (*_target_table(mask_targets(scores)), *told)


def _target_table(targets: Sequence[Target]) -> tuple[Table, ...]:
    """Nothing where there is no target."""
    rows = tuple(
        (one.name, written(one.estimate, one.decimals), str(one.estimate.subjects), one.words, one.verdict.value)
        for one in targets
    )
    words = (
        'Aims set before anything was measured. Whether one is met goes by the value; "interval beyond" says that the '
        "interval reaches past the aim, or that there is none, so that the truth may be the other way. On fewer "
        f"than {LEAST_FOR_A_VERDICT} patients (for an AUC: of the rarer kind) nothing is called met or missed."
    )
    header = ("measure", "value [95 %] n", "patients", "target", "met?")
    return (Table("Against the targets", words, header, rows),) if rows else ()


def _location_table(title: str, score: LocationScore) -> Table:
    median, tail = number(score.centre_error_median_mm, ".1f"), number(score.ratio_error_p90)
    within, found = score.level_within_one, score.found.n
    rows = (
        _row("identification rate", score.identification_rate, meanings.IDENTIFIED),
        _row("localisation distance (mm)", score.localisation_mm, meanings.LOCALISED),
        _row("level right or one off", within, "of all bodies in view; a missed body is not within one"),
        _row("level right, of those found", score.level_right_of_found, meanings.FOUND),
        _row("level right or one off, of those found", score.level_within_one_of_found, "T13 and L6 are half a step"),
        _row("bodies found (within 10 mm)", score.found, "whatever their name"),
        _row("bodies found within 5 mm", score.within_5_mm, "of all bodies in view"),
        _plain("false bodies inside the labelled span", str(score.false_in_span), score.studies, meanings.FALSE_BODY),
        _row("false bodies inside the span, per image", score.false_in_span_per_study, "the same, per image"),
        _plain("findings beyond the labelled span", str(score.beyond_span), score.studies, meanings.BEYOND),
        _plain("centre error, median (mm)", median, found, "of the bodies found; n counts bodies in view"),
        _row("min/max ratio, mean absolute error", score.ratio_error, meanings.RATIO),
        _row("min/max ratio, bias", score.ratio_bias, "mean with sign; above 0 losses are underestimated", "+.3f"),
        _plain("min/max ratio, 90 % of errors below", tail, score.ratio_error.n, "absolute error"),
        _row("single heights, mean absolute error (mm)", score.height_error_mm, "n counts heights, three a body"),
        _row("single heights, bias (mm)", score.height_bias_mm, "cancels in the ratio where all share it", "+.3f"),
        _plain("whole bodies found but not measured", str(score.whole_found_not_measured), score.bodies, ""),
    )
    bodies, images = counted(score.bodies, "body", "bodies"), counted(score.studies, "image")
    head = f"{title}: {bodies} in {images} of {counted(score.patients, 'patient')}"
    return Table(head, "", MEASURES, rows)


def _patients_table(title: str, score: PatientScore) -> Table:
    rows = [_row("AUC, grade 2 and above", score.auc, "patients ranked by their most suspected vertebra")]
    if score.calibration_error:
        rows.append(
            _row("calibration error of the patient's probability", score.calibration_error, "0 is perfect; ten bins")
        )
    for point in score.points:
        at = f"{point.name} (from {point.threshold:.0%})"
        rows += [
            _row(f"{at}: sensitivity", point.sensitivity, meanings.PATIENT_SENSITIVITY),
            _row(f"{at}: specificity", point.specificity, "of the others, the share not called"),
            _row(f"{at}: sensitivity, not analysed is missed", point.sensitivity_of_all, "of all, analysed or not"),
            _row(f"{at}: false flags per patient", point.false_flags, "flagged findings that are no grade 2 or 3"),
            _row(f"{at}: called with mimics alone", point.mimics_called, "of patients who only have look-alikes"),
        ]
    images, patients = counted(score.studies, "image"), counted(score.patients, "patient")
    head = f"{title}: {images} of {patients}, {counted(score.positive, 'image')} with grade 2 or 3"
    words = "Each image counts once as a patient at hand; intervals resample patients with all their images."
    return Table(head, words, MEASURES, tuple(rows))


def _calls_table(title: str, score: CallScore) -> Table:
    reasons = ", ".join(f"{why} {count}" for why, count in score.not_graded.items()) or "all were graded"
    rows = [
        _row("AUC, grade 2 and above", score.auc_grade2, "of the graded vertebrae"),
        _row("AUC, grade 1 and above", score.auc_grade1, "grade 1 is near the limit of readers"),
        _row("quadratic kappa, grades 0 to 3", score.quadratic_kappa, "weighted agreement of the grade given and true"),
        _row("calibration error (ECE)", score.calibration_error, "mean gap between probability and what is true"),
        _row("vertebrae graded", score.graded, f"the others: {reasons}"),
    ]
    for point in score.points:
        at = f"{point.name} (from {point.threshold:.0%})"
        rows += [
            _row(f"{at}: sensitivity", point.sensitivity, meanings.SENSITIVITY),
            _row(f"{at}: specificity", point.specificity, meanings.SPECIFICITY),
            _row(f"{at}: sensitivity, of all in view", point.sensitivity_in_view, meanings.IN_VIEW),
        ]
    head = f"{title}: {score.vertebrae} of {counted(score.patients, 'patient')}, {score.fractured} of grade 2 or 3"
    return Table(head, "", MEASURES, tuple(rows))


def _by_grade_table(score: CallScore) -> Table:
    header = ("true grade", *(point.name for point in score.points))
    rows = tuple((str(grade), *(written(point.by_grade[grade]) for point in score.points)) for grade in range(4))
    words = "Grades 2 and 3 should be flagged, 0 and 1 should not."
    return Table("Share flagged of each true grade, T4 to L4", words, header, rows)


def _confusion_table(counts: Sequence[Sequence[int]], of: str = ", T4 to L4") -> Table:
    rows = tuple((str(grade), *(str(count) for count in line), str(sum(line))) for grade, line in enumerate(counts))
    words = "Counts of graded vertebrae; rows true, columns given."
    return Table(f"True against given grade{of}", words, ("true", "0", "1", "2", "3", "n"), rows)


def _split_table(name: str, parts: Mapping[str, CallScore]) -> Table:
    first = next(iter(parts.values()))
    header = (
        name,
        "vertebrae",
        "grade 2+",
        "graded",
        "AUC grade 2+",
        *(f"{point.name}: {what}" for point in first.points for what in ("sensitivity", "specificity")),
    )
    rows = tuple(_split_row(part, score) for part, score in parts.items())
    levels = "every level" if name == "level" else "T4 to L4"
    words = f"{levels}; graded is the share with a grade, the other shares are of the graded."
    return Table(f"Vertebrae by {name}", words[0].upper() + words[1:], header, rows)


def _split_row(part: str, score: CallScore) -> Row:
    shares = [written(share) for point in score.points for share in (point.sensitivity, point.specificity)]
    graded = number(score.graded.value, ".2f")
    return (part, str(score.vertebrae), str(score.fractured), graded, written(score.auc_grade2), *shares)


def _paired_table(scores: Sequence[PairedScore]) -> Table:
    header = ("comparison", "patients", "AUC, thin and soft", "AUC, the other", "loss of AUC")
    rows = tuple(
        (one.name, str(one.patients), written(one.reference), written(one.other), written(one.loss)) for one in scores
    )
    words = "The same patients acquired twice; the interval of the loss resamples them in pairs."
    return Table("What thick slices and a sharp kernel cost, T4 to L4", words, header, rows)


def _analysed_table(score: Analysed) -> Table:
    rows = [_row("images not analysed, with a spine", score.not_analysed, "a refusal with a reason, below")]
    rows += [_plain(f"of these: {why}", str(count), score.with_spine, "") for why, count in score.reasons.items()]
    if score.without_spine:
        rows += [
            _row("images without a spine: not analysed", score.without_spine_not_analysed, "the right answer"),
            _plain("bodies found in them", str(score.without_spine_bodies), score.without_spine, "all false"),
        ]
    return Table("Not analysed", "", MEASURES, tuple(rows))


def _spent_table(score: Spent) -> Table:
    rows = (
        _plain("seconds an image, median", number(score.seconds_median, ".1f"), score.images, "reading included"),
        _plain(
            "seconds, 90 % below", number(score.seconds_p90, ".1f"), score.images, "as measured while others worked"
        ),
        _plain("seconds, longest", number(score.seconds_most, ".1f"), score.images, "the first loads the networks"),
        _plain("peak memory of a process (MB)", number(score.peak_mb, ".0f"), score.images, "getrusage; not the GPU's"),
    )
    return Table("Time and memory", "", MEASURES, rows)


def _grading_table(title: str, fixed: GradingScore, refitted: GradingScore) -> Table:
    header = ("measure", "fixed rule", "thresholds refitted without the patient tested")
    names = (
        ("AUC, grade 2 and above", "auc_grade2"),
        ("AUC, grade 1 and above", "auc_grade1"),
        ("quadratic kappa, grades 0 to 3", "quadratic_kappa"),
        ("sensitivity, grade 2 and above", "sensitivity_grade2"),
        ("specificity, grade 2 and above", "specificity_grade2"),
        ("sensitivity, grade 1 and above", "sensitivity_grade1"),
        ("specificity, grade 1 and above", "specificity_grade1"),
        ("patients: sensitivity, grade 2 and above", "patient_sensitivity_grade2"),
        ("patients: specificity, grade 2 and above", "patient_specificity_grade2"),
        ("calibration error of the probability", "calibration_error"),
    )
    rows = tuple((name, written(getattr(fixed, at)), written(getattr(refitted, at))) for name, at in names)
    words = (
        "The fixed rule is the product's and fits nothing to these masks. Beside it, the thresholds of the three "
        "grades chosen from all other patients; AUC and probability need none, so they are the same."
    )
    head = f"{title}: {counted(fixed.vertebrae, 'vertebra', 'vertebrae')} of {counted(fixed.subjects, 'patient')}"
    return Table(head, words, header, rows)


def _row(name: str, estimate: Estimate, meaning: str, form: str = ".3f") -> Row:
    return name, number(estimate.value, form), _interval(estimate, form), str(estimate.n), meaning


def _plain(name: str, value: str, n: int, meaning: str) -> Row:
    return name, value, "", str(n), meaning


def _interval(estimate: Estimate, form: str = ".3f") -> str:
    return "" if estimate.low is None else f"{number(estimate.low, form)} to {number(estimate.high, form)}"
