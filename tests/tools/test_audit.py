"""What is said of pip-audit's answers."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit():
    spec = importlib.util.spec_from_file_location("audit", ROOT / "tools" / "audit.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_audited_is_not_taken_for_nothing_found(audit):
    skipped = {"name": "a", "skip_reason": "not found"}
    said, status = audit.verdict([skipped])
    assert said.startswith("Not audited") and status == 0
    said, status = audit.verdict([skipped, {"name": "b", "version": "1", "vulns": []}])
    assert said == "No known holes in 1 pinned packages; 1 could not be audited." and status == 0


def test_a_hole_fails_and_names_its_mending(audit):
    hole = {"id": "CVE-1", "fix_versions": ["2"]}
    said, status = audit.verdict([{"name": "b", "version": "1", "vulns": [hole]}])
    assert (said, status) == ("b 1: CVE-1, mended in 2", 1)


def test_without_the_tool_it_says_so(audit, monkeypatch, capsys):
    monkeypatch.setattr(audit, "find_spec", lambda _: None)
    assert audit.main() == 0 and "not installed" in capsys.readouterr().out
