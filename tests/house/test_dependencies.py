"""Licences: nothing under the GPL is imported, and every direct dependency says what it is for."""

import re
import tomllib
from importlib.metadata import distribution, distributions

import pytest
from packaging.utils import canonicalize_name

from docs.generate import CONSTRAINTS, DOCS, ROOT, _names, licence_of

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SEPARATE_PROGRAMS = {"djlint"}
GPL = re.compile(r"(?<!L)GPL|GNU General Public", re.IGNORECASE)


def test_nothing_under_the_gpl_is_linked():
    """Of all that is installed only a separate developers' program is under the GPL; psycopg is LGPL."""
    gpl = {canonicalize_name(each.metadata["Name"]) for each in distributions() if GPL.search(licence_of(each))}
    assert gpl <= SEPARATE_PROGRAMS


@pytest.mark.parametrize("name", _names([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]))
def test_every_direct_dependency_has_a_purpose_and_a_licence(name):
    """A package without a purpose or a licence is not taken in."""
    known = tomllib.loads((DOCS / "dependencies.toml").read_text())
    assert known["purpose"][name]
    assert known["licence"].get(name) or licence_of(distribution(name)) != "not stated"


def test_torch_and_torchvision_move_together():
    """torchvision's wheel fits one torch: both are pinned to one minor version."""
    ranges = {re.split(r"[><=\[]", each)[0]: each for each in PROJECT["dependencies"]}
    assert ranges["torch"] == "torch>=2.13,<2.14"
    assert ranges["torchvision"] == "torchvision>=0.28,<0.29"
    assert {"torch==2.13.0", "torchvision==0.28.0"} <= set(CONSTRAINTS.read_text().split())
