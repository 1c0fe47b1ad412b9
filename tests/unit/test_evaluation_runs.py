"""A run of hours can be ended and taken up again, and one bad case never costs the others."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.evaluation.carry_out import Crew, Failed, carry_out
from pipelines.evaluation.journal import RECORDS_FILE, Version, sha256_of_code
from pipelines.evaluation.record import from_document, to_document
from pipelines.evaluation.run import Plan, Results, run
from tests.support.evaluations import LUMBAR, Told, answer, finding, refusal, write_case
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.spine import Level

NORMAL = dict.fromkeys(LUMBAR, 0)
OLD, NEW = Version("weights", "code"), Version("weights", "other code")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a", "b", "c"):
        write_case(folder, name, NORMAL, anchors=["C2"], slice_mm=1.0)
    return folder


@pytest.fixture
def told() -> Told:
    said = answer(*(finding(level, at) for at, level in enumerate(LUMBAR)))
    return Told({"a": said, "b": said, "c": refusal()})


def again(images: Path, told: Told, version: Version = OLD) -> Results:
    return run([images], Plan(lambda: told, images.parent / "kept", version=version))


def test_a_second_call_asks_nothing_again_and_says_the_same(images: Path, told: Told) -> None:
    first, second = again(images, told), again(images, told)
    assert told.asked == 3
    assert (first.taken_up, second.taken_up) == (0, 3)
    assert second.images == first.images
    assert {at: file.name for at, file in second.pictures.items()}.keys() == {0, 1}


def test_a_run_that_was_ended_is_taken_up_where_it_stood(images: Path, told: Told) -> None:
    again(images, told)
    lines = images.parent / "kept" / RECORDS_FILE
    whole = lines.read_text(encoding="utf-8").splitlines(keepends=True)
    lines.write_text("".join(whole[:2]) + whole[2][:100], encoding="utf-8")
    assert again(images, told).taken_up == 2
    assert told.asked == 4
    assert again(images, told).taken_up == 3


def test_another_image_another_truth_and_another_version_are_done_again(images: Path, told: Told) -> None:
    again(images, told)
    (images / "a.nii.gz").write_bytes(b"another image")
    truth = images / "b.truth.json"
    truth.write_text(truth.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert again(images, told).taken_up == 1
    assert told.asked == 5
    results = again(images, told, NEW)
    assert (results.taken_up, results.outdated, told.asked) == (0, 5, 8)


def test_a_record_survives_being_written_and_read(images: Path, told: Told) -> None:
    for record in again(images, told).images:
        assert from_document(json.loads(json.dumps(to_document(record)))) == record


def test_a_case_that_fails_is_listed_by_the_kind_of_its_error_alone(images: Path, told: Told) -> None:
    told.answers = {**told.answers, "a": ValueError("DOE^JANE"), "b": Unreadable("The mask is broken.")}
    results = again(images, told)
    assert [record.name for record in results.images] == ["c"]
    assert {item.name: item.reason for item in results.excluded} == {
        "a": "image not evaluated: ValueError",
        "b": "image not evaluated: Unreadable: The mask is broken.",
    }
    assert again(images, told).taken_up == 1
    assert told.asked == 5


def test_the_same_name_in_two_folders_is_two_cases(tmp_path: Path, told: Told) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_case(tmp_path / name, "a", {**NORMAL, Level.L4: len(name)}, patient=name)
    (tmp_path / "two" / "a.nii.gz").write_bytes(b"another")
    results = run([tmp_path / "one", tmp_path / "two"], Plan(lambda: told, tmp_path / "kept", version=OLD))
    assert len(results.images) == 2
    assert len({file.name for file in results.pictures.values()}) == 2


def test_progress_counts_what_is_to_be_done(images: Path, told: Told) -> None:
    seen: list[tuple[str, int, int]] = []
    run([images], Plan(lambda: told, version=OLD), lambda *what: seen.append(what))
    assert [(done, of) for _, done, of in seen][-4:] == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_code_is_the_same_until_a_source_changes(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n", encoding="utf-8")
    before = sha256_of_code([tmp_path])
    (tmp_path / "notes.txt").touch()
    assert sha256_of_code([tmp_path]) == before
    (tmp_path / "a.py").write_text("x = 2\n", encoding="utf-8")
    assert sha256_of_code([tmp_path]) != before


def doubled_or_dead(task: int, _: Any) -> int:
    """Ends its process from within for 3, as the kernel does when memory is out; raises for 4."""
    if task == 3:
        os._exit(9)
    if task == 4:
        raise ValueError("DOE^JANE")
    return 2 * task


@pytest.mark.slow
def test_a_process_that_dies_costs_its_own_case_only() -> None:
    ended = dict(carry_out(range(7), Crew(doubled_or_dead, None, jobs=2)))
    assert {task: value for task, value in ended.items() if not isinstance(value, Failed)} == {
        0: 0, 1: 2, 2: 4, 5: 10, 6: 12,
    }  # fmt: skip
    assert ended[4] == Failed("ValueError")
    assert "memory" in ended[3].reason
