"""``make fuzz``: broken files by the thousand for whatever takes files from strangers.

Only named errors may come, no input may take more than 2 s of CPU time, and memory stays bounded. An input
that fails is kept, the one that ended the process too. Where atheris is installed it drives, by what code was
reached; else Hypothesis, at random.
"""

import argparse
import faulthandler
import importlib.util
import json
import resource
import sys
import time
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from targets import Target, targets

MOST_SECONDS = 2.0  # of CPU time an input
MOST_MEGABYTES = 1500  # that the process may grow by: a picture of the most pixels takes about a thousand
MOST_CPU = 180  # s, with a number of inputs: what hangs in a decoder is ended by the system
BATCH = 2000
FOLDER = Path(__file__).parents[2] / "runs" / "fuzz"

Edit = tuple[int, int, int, int]


class Run:
    """One target: counts, measures, and keeps what failed."""

    def __init__(self, name: str, target: Target, folder: Path) -> None:
        self.name, self.target, self.folder = name, target, folder
        self.count, self.slowest = 0, 0.0
        self.base = _peak()
        folder.mkdir(parents=True, exist_ok=True)
        self._last = folder / f"{name}.last"

    def try_one(self, data: bytes) -> None:
        """Read it, and say what is wrong with how that went."""
        self._last.write_bytes(data)  # a crash leaves it there
        started = time.process_time()
        try:
            self.target.read(data)
            seconds = time.process_time() - started
            assert seconds < MOST_SECONDS, f"{seconds:.1f} s of CPU time"
            assert _peak() - self.base < MOST_MEGABYTES, f"{_peak() - self.base} MB more than before"
        except BaseException:
            (self.folder / f"{self.name}.failed").write_bytes(data)
            raise
        self.count += 1
        self.slowest = max(self.slowest, seconds)

    def end(self) -> dict[str, object]:
        """Forget the last input; what was seen."""
        self._last.unlink(missing_ok=True)
        return {
            "target": self.name,
            "inputs": self.count,
            "slowest_s": round(self.slowest, 3),
            "megabytes": _peak() - self.base,
        }


def broken(target: Target) -> st.SearchStrategy[bytes]:
    """Good files, changed at a few places: bytes, bits, numbers, pieces put in, taken out, doubled, cut."""
    edit = st.tuples(st.integers(0, 7), st.integers(0, 2**16), st.integers(0, 255), st.integers(0, 64))
    return st.builds(
        lambda place, edits: target.mend(_edited(target, target.seeds[place], edits)),
        st.integers(0, len(target.seeds) - 1),
        st.lists(edit, min_size=0, max_size=10),
    )


def _edited(target: Target, seed: bytes, edits: list[Edit]) -> bytes:
    data = bytearray(seed)
    for kind, where, value, length in edits:
        # Half of the places near the start, where the headers are.
        place = (where if where & 1 else where % 64) % (len(data) or 1)
        if kind == 0:
            data[place : place + 1] = bytes([value])
        elif kind == 1 and data:
            data[place] ^= 1 << (value % 8)
        elif kind == 2:
            number = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)[value % 8]
            data[place : place + 4] = number.to_bytes(4, "big" if value & 8 else "little")
        elif kind == 3:
            data[place:place] = target.words[value % len(target.words)]
        elif kind == 4:
            del data[place : place + length]
        elif kind == 5:
            data[place:place] = data[place : place + length] * (value + 1)
        elif kind == 6:
            data[place:] = target.seeds[value % len(target.seeds)][place:]
        else:
            del data[len(data) - length :]
    return bytes(data)


def by_hypothesis(run: Run, *, examples: int, seconds: float) -> None:
    """So many inputs, the same each time; or, without a number, new ones until the time is over."""
    end = time.monotonic() + seconds

    def once() -> None:
        if examples or time.monotonic() < end:
            settled(given(broken(run.target))(run.try_one))()

    settled = settings(
        max_examples=examples or BATCH,
        derandomize=bool(examples),
        deadline=None,
        database=None,
        phases=[Phase.generate],  # what failed is kept as it is
        suppress_health_check=list(HealthCheck),
    )
    once()
    while not examples and time.monotonic() < end:
        once()


def by_atheris(run: Run, seconds: float) -> None:
    """Inputs led by what code they reach; ends the process."""
    import atheris

    def one(data: bytes) -> None:
        run.try_one(run.target.mend(data))

    corpus = run.folder / f"{run.name}.corpus"
    corpus.mkdir(exist_ok=True)
    for number, seed in enumerate(run.target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}", str(corpus)], one)
    atheris.Fuzz()


def _peak() -> int:
    """The most memory that this process has had, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("targets", nargs="*", default=[], help=f"of {', '.join(targets())}; all unless told")
    parser.add_argument("--minutes", type=float, default=4.0, help="for all targets together, 4 unless told")
    parser.add_argument("--examples", type=int, default=0, help="a number of inputs instead, always the same")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="for inputs that fail")
    options = parser.parse_args()
    faulthandler.enable()
    if options.examples:
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU, MOST_CPU))
    names = options.targets or list(targets())
    atheris = not options.examples and importlib.util.find_spec("atheris") is not None
    print("Driven by atheris." if atheris else "Driven by Hypothesis: atheris is not installed.", flush=True)
    for name in names:
        run = Run(name, targets()[name](), options.folder)
        for seed in run.target.seeds:
            run.try_one(seed)
        share = options.minutes * 60 / len(names)
        if atheris:
            by_atheris(run, share)
        else:
            by_hypothesis(run, examples=options.examples, seconds=share)
        print(json.dumps(run.end()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
