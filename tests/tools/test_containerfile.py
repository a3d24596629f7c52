"""The container file names what exists. It is not built here: that takes a network and minutes."""

import re
import tomllib
from pathlib import Path

from dashboard.__main__ import _parser

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "Containerfile").read_text().replace("\\\n", " ").splitlines()
STEPS = [line.partition(" ")[::2] for line in LINES if line and not line.startswith("#")]


def of(kind):
    return [rest for name, rest in STEPS if name == kind]


def test_what_it_copies_exists_and_is_all_that_the_package_needs():
    copied = [name for rest in of("COPY") for name in rest.split()[:-1]]
    assert all((ROOT / name).exists() for name in copied)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]) <= set(copied)
    assert {project["project"]["readme"], *project["project"]["license-files"], "constraints.txt"} <= set(
        copied
    )


def test_its_python_is_one_that_the_project_takes_and_pinned():
    (base,) = of("FROM")
    assert re.fullmatch(r"python:3\.1[12]\.\d+-slim-\w+", base)


def test_it_runs_as_a_user_without_rights_and_says_whether_it_is_well():
    assert of("USER") == ["10001"] and "/healthz" in " ".join(rest for _, rest in STEPS)
    kinds = [name for name, _ in STEPS]
    assert kinds.index("USER") < kinds.index("ENTRYPOINT")


def test_its_command_line_is_understood():
    (entry,) = of("ENTRYPOINT")
    words = re.findall(r'"([^"]+)"', entry)
    assert words[:3] == ["python", "-m", "dashboard"]
    options = _parser().parse_args(words[3:])
    assert (options.address, options.port) == ("0.0.0.0", int(of("EXPOSE")[0]))
