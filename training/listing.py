"""Which pictures a person's own data hold, and everything that is wrong with their names and places.

A folder (or zip) of ``<split>/<class>/<picture>``, or a CSV of ``path,label[,split]`` whose paths start at
its own folder. Splits are called as in `training.folder`. Nothing is opened here, and nothing stops at the
first mistake: `Findings` gathers them all.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from fusion_model.labels import EXPRESSIONS
from fusion_model.sources import is_zip, read_rows, zip_names
from training.folder import ALIASES, SPLIT_OF_FOLDER, ClassFile, class_file
from training.samples import DataError

#: What `fusion_model.images` decodes.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
COLUMNS = ("path", "label", "split")
_SHOWN = 5  # examples in a sentence


@dataclass
class Findings:
    """What is wrong with data: errors stop a training, warnings do not.

    `notes` are the warnings without the names of files, for a model's card: those can be names of people.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def warn(self, sentence: str, files: Iterable[str] = ()) -> None:
        """Add a warning, given without its full stop, about some files or about none."""
        listed = some(files)
        self.warnings.append(f"{sentence}: {listed}." if listed else f"{sentence}.")
        self.notes.append(f"{sentence}.")

    def text(self, source: Path) -> str:
        """All of them as one list, errors first."""
        count = f"{len(self.errors)} error{'s' * (len(self.errors) != 1)}"
        lines = [f"{source}: {count} to mend before these data can be used:" if self.errors else f"{source}:"]
        lines += [f"  error: {sentence}" for sentence in self.errors]
        return "\n".join([*lines, *(f"  warning: {sentence}" for sentence in self.warnings)])


@dataclass(frozen=True)
class Listing:
    """The pictures of own data: `files` below `root`, a folder or zip, and `labels` in their order."""

    root: Path
    files: tuple[ClassFile, ...]
    labels: tuple[str, ...]


def list_pictures(path: Path, findings: Findings) -> Listing:
    """List the pictures of a folder, zip or CSV; what is wrong with them is added to `findings`.

    Raises
    ------
    DataError
        Where it cannot be read at all.
    """
    if path.is_dir() or is_zip(path):
        root, files = path, _of_tree(path, findings)
    else:
        root, files = path.parent, _of_table(path, findings)
    names = {file.class_name for file in files}
    # The expressions in the order of our models, so that these can go on with what they know.
    labels = tuple(name for name in EXPRESSIONS if name in names) + tuple(sorted(names - set(EXPRESSIONS)))
    _check_names(labels, findings)
    return Listing(root, files, labels)


def is_table(path: Path) -> bool:
    """Tell by its header whether a file is a CSV of path and label."""
    try:
        _, header = next(read_rows(path))
    except DataError:
        return False
    return {"path", "label"} <= {name.strip().lower() for name in header}


def some(items: Iterable[str]) -> str:
    """The first of them, and how many more there are."""
    items = list(items)
    more = f" and {len(items) - _SHOWN:,} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more


def _of_tree(root: Path, findings: Findings) -> tuple[ClassFile, ...]:
    if root.is_dir():
        found = sorted(root.rglob("*"))
        names = [file.relative_to(root).as_posix() for file in found if file.is_file()]
        folders = [file.relative_to(root) for file in found if file.is_dir()]
    else:
        names, folders = sorted(zip_names(root)), []
    files = [file for name in names if (file := class_file(name, SUFFIXES)) is not None]
    known = {file.path for file in files}
    full = {PurePosixPath(path).parent for path in known}
    empty = [
        folder.as_posix()
        for folder in folders
        if folder.parent.name.lower() in SPLIT_OF_FOLDER and PurePosixPath(folder.as_posix()) not in full
    ]
    if empty:
        findings.errors.append(f"no pictures in {some(empty)}: fill or remove the folder.")
    outside = [name for name in names if name not in known and _is_picture(name)]
    if outside:
        findings.warn(
            f"{len(outside):,} pictures lie outside of train/<class>/ and its like, and are not used", outside
        )
    if not files:
        findings.errors.append("there are no pictures in train/<class>/, val/<class>/ or test/<class>/.")
    return tuple(files)


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES and not PurePosixPath(name).name.startswith(".")


def _of_table(path: Path, findings: Findings) -> tuple[ClassFile, ...]:
    rows = read_rows(path)
    _, header = next(rows)
    names = [name.strip().lower() for name in header]
    columns = {name: names.index(name) for name in COLUMNS if name in names}
    if not {"path", "label"} <= columns.keys():
        raise DataError(f"{path.name} has the columns {', '.join(names)}; path,label[,split] are needed.")
    files, short, nameless, splitless = [], [], [], []
    for place, fields in rows:
        line = str(place.line)
        if len(fields) < len(header):
            short.append(line)
            continue
        values = {name: fields[column].strip() for name, column in columns.items()}
        split = SPLIT_OF_FOLDER.get(values.get("split", "train").lower())
        if not values["path"] or not values["label"]:
            nameless.append(line)
        elif split is None:
            splitless.append(f"{line} ('{values['split']}')")
        else:
            files.append(ClassFile(values["path"], split, values["label"]))
    twice = [name for name, count in Counter(file.path for file in files).items() if count > 1]
    for wrong, sentence in (
        (short, "rows with too few fields, in line"),
        (nameless, "rows without a path or a label, in line"),
        (splitless, "rows whose split is none of train, val and test, in line"),
        (twice, "pictures stand there more than once:"),
    ):
        if wrong:
            findings.errors.append(f"{len(wrong):,} {sentence} {some(wrong)}.")
    if not files:
        findings.errors.append("the table lists no pictures.")
    return tuple(files)


def _check_names(labels: tuple[str, ...], findings: Findings) -> None:
    alike = Counter(name.strip().casefold() for name in labels)
    same = [name for name in labels if alike[name.strip().casefold()] > 1]
    if same:
        findings.errors.append(f"class names that differ only in case or spaces: {some(map(repr, same))}.")
    unprintable = [name for name in labels if not name.isprintable() or name != name.strip()]
    if unprintable:
        findings.errors.append(
            f"class names with spaces at an end or unprintable signs: {some(map(repr, unprintable))}."
        )
    for name in labels:
        known = ALIASES.get(name.strip().lower(), name.strip().lower())
        if known in EXPRESSIONS and name != known:
            findings.warn(
                f"the class '{name}' is new to our models, which know '{known}': rename it to use that"
            )
