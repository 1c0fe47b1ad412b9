"""Objects as programs that are not ours judge and read them: dicom3tools' checker and DCMTK's readers."""

import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread, dcmwrite

from pipelines.steps.write import Made
from tests.support import results
from tests.support.dicom import Order, Person, radiograph, write
from tests.support.peers import peer
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.review import Review
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import SeriesVerdict

ODD = Person("X 1", "Åström^Bjørn", "", "M", "")


@pytest.fixture(scope="module", params=["preliminary", "final", "odd headers"])
def written(request, tmp_path_factory) -> list[tuple[Kind, Path]]:
    """Every object of one result as a file: before and after the signature, and of a study with sparse headers."""
    folder = tmp_path_factory.mktemp("objects")
    review: Review | None = results.signed() if request.param != "preliminary" else None
    order = Order(person=ODD, AccessionNumber="") if request.param == "odd headers" else Order()
    files = results.study(folder / "study", order)
    analysis = results.analysed(unsure=Level.L2, order=order)
    return [keep(one, folder, n) for n, one in enumerate(results.made(files, set(Kind), review, analysis))]


def keep(one: Made, folder: Path, number: int) -> tuple[Kind, Path]:
    """The object as a file."""
    path = folder / f"{number:02d}-{one.kind}.dcm"
    dcmwrite(path, one.dataset, enforce_file_format=True)
    return one.kind, path


def said(program: str, *arguments: object) -> str:
    """What a peer program says, on either stream."""
    done = subprocess.run(
        [peer(program), *map(str, arguments)], capture_output=True, timeout=600, check=False
    )  # fmt: skip
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def test_no_object_has_an_error(written):
    """dciodvfy finds no error in SR, SEG, GSPS, key images, PDF or reformat."""
    verdicts = {path.name: said("dciodvfy", path) for _, path in written}
    assert {kind for kind, _ in written} == set(Kind)
    assert {name: text for name, text in verdicts.items() if "Error" in text} == {}
    assert all("Warning" in text or "Image" in text or "SR" in text for text in verdicts.values())


def test_objects_of_a_film_have_no_error(tmp_path):
    """A radiograph's key image, reports and PDF pass as well."""
    film = radiograph()
    series = (SeriesVerdict(str(film.SeriesInstanceUID), "film", 1, None),)
    analysis = replace(results.analysed(), modality="DX", series=series)
    made = results.made([write(film, tmp_path / "study")], set(Kind), None, analysis)
    verdicts = {one.kind: said("dciodvfy", keep(one, tmp_path, n)[1]) for n, one in enumerate(made)}
    assert {kind for kind, text in verdicts.items() if "Error" in text} == set()
    assert set(verdicts) == {Kind.SC, Kind.SR, Kind.SR_COMPREHENSIVE, Kind.PDF}


def test_reports_can_be_read(written):
    """dsrdump reads both reports; level, grade and doubt stand in words in them."""
    for kind, path in written:
        if kind in (Kind.SR, Kind.SR_COMPREHENSIVE):
            text = said("dsrdump", "+Pl", path)
            assert "Imaging Measurement Report" in text
            assert '(23215003,SCT,"T12 vertebra")' in text
            assert "Research software" in text


def test_key_images_are_shown_pixel_for_pixel(written, tmp_path):
    """DCMTK renders a key image as it was drawn."""
    path = next(path for kind, path in written if kind is Kind.SC)
    said("dcmj2pnm", "+on", path, tmp_path / "shown.png")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "shown.png")), dcmread(path).pixel_array)
