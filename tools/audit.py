"""Known holes in the pinned packages, by pip-audit: ``python tools/audit.py``, from the repository's root.

Where neither the tool nor an index that knows the packages can be had, it says so and goes on: then nothing
was audited, which pip-audit itself would call "no known vulnerabilities".
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

PATIENCE_S = 180
# constraints.txt names every package, direct or not, so nothing has to be resolved.
COMMAND = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "--timeout", "10", "--format", "json"]


def main(constraints: Path = Path("constraints.txt")) -> int:
    """Exit status: 1 for holes that are known, 0 else."""
    if find_spec("pip_audit") is None:
        print("Not audited: pip-audit is not installed (extra: check).")
        return 0
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(constraints), *COMMAND]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
        packages = json.loads(run.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        print("Not audited: the index of known holes cannot be reached from here.")
        return 0
    said, status = verdict(packages)
    print(said)
    return status


def verdict(packages: list[dict[str, object]]) -> tuple[str, int]:
    """What to say of pip-audit's list of packages, and the exit status."""
    audited = [one for one in packages if "skip_reason" not in one]
    lines = [
        f"{one['name']} {one['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for one in audited
        for hole in one.get("vulns", [])  # type: ignore[attr-defined]
    ]
    if lines:
        return "\n".join(lines), 1
    if not audited:
        return "Not audited: no index that can be reached from here knows these packages.", 0
    missed = len(packages) - len(audited)
    beside = f"; {missed} could not be audited" if missed else ""
    return f"No known holes in {len(audited)} pinned packages{beside}.", 0


if __name__ == "__main__":
    sys.exit(main())
