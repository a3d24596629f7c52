"""``python -m dashboard.limits [--check]``: the table of all limits in docs/limits.md, from the code."""

import argparse
import csv
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from bokeh.server.server import DEFAULT_WEBSOCKET_MAX_MESSAGE_SIZE_BYTES

from dashboard import (
    album,
    api,
    archive,
    cores,
    inference,
    live,
    live_loop,
    server,
    state,
    worker,
    worker_process,
)
from dashboard.views import own, rows, upload
from fusion_model import image_parts, own_table, table_file
from fusion_model.images import DEFAULT_LIMITS

DOC = Path(__file__).parents[1] / "docs" / "limits.md"
_BLOCK = re.compile(r"(<!-- limits -->\n).*?(<!-- /limits -->)", re.DOTALL)

_PARTS = "test_a_picture_of_too_many_parts_is_refused_before_a_decoder_sees_it"
_MANY = "test_at_most_so_many_faces_are_given_the_largest_ones"


@dataclass(frozen=True)
class Limit:
    """One row of the table.

    Attributes
    ----------
    what : is limited
    most : and to what
    beyond : what happens to more
    test : file and name of the test of it, below ``tests/``
    """

    what: str
    most: str
    beyond: str
    test: str


def limits() -> dict[str, list[Limit]]:
    """All limits, by what they are of."""
    return {
        "A picture": _of_pictures(),
        "An archive": _of_archives(),
        "A session": _of_sessions(),
        "A table of one's own": _of_tables(),
        "The server": _of_the_server(),
    }


def _of_pictures() -> list[Limit]:
    from fusion_model.faces import FaceFinder  # brings MediaPipe, in seconds

    most_faces = inspect.signature(FaceFinder).parameters["max_faces"].default
    images, refused = "fusion_model/test_images.py", "refused, with a sentence"
    return [
        Limit("file", _size(DEFAULT_LIMITS.max_bytes), refused, f"{images}::test_too_many_bytes"),
        Limit(
            "pixels, by the header",
            f"{DEFAULT_LIMITS.max_pixels / 1e6:g} million",
            "refused before anything is decoded",
            f"{images}::test_too_many_pixels_is_told_from_the_header",
        ),
        Limit(
            "shortest side", f"{DEFAULT_LIMITS.min_side} px, at least", refused, f"{images}::test_too_small"
        ),
        *(
            Limit(what, most, "refused before a decoder sees it", f"{images}::{_PARTS}")
            for what, most in (
                ("segments of a JPEG, chunks of a PNG", f"{image_parts.MOST_PARTS:,}"),
                ("bytes between the segments of a JPEG", _size(image_parts.MOST_FILLING)),
                ("scans of a JPEG times its pixels", f"{image_parts.MOST_SCANNED / 1e6:,.0f} million"),
                ("run lengths in a BMP", "none"),
            )
        ),
        Limit(
            "faces that are answered",
            f"{most_faces}",
            "the largest are",
            "fusion_model/test_faces.py::" + _MANY,
        ),
        Limit(
            "longer side of what the page keeps",
            f"{worker.DISPLAY_SIDE:,} px",
            "made smaller",
            "dashboard/test_inference.py::test_a_large_picture_is_sent_small",
        ),
        Limit(
            "that JPEG",
            _size(worker.MOST_JPEG),
            "packed harder",
            "dashboard/test_inference.py::test_what_is_kept_of_a_picture_is_bounded_though_it_be_noise",
        ),
    ]


def _of_archives() -> list[Limit]:
    tests = "dashboard/test_archive.py"
    return [
        Limit(
            "file", _size(upload.MOST_ARCHIVE_BYTES), "thrown away as it arrives", "dashboard/test_views.py::"
            "test_bytes_past_the_limit_are_thrown_away_where_they_arrive",
        ),
        Limit(
            "list of its files", _size(archive.MOST_DIRECTORY_BYTES), "refused unread",
            f"{tests}::test_a_directory_of_millions_is_refused_before_it_is_read",
        ),
        Limit(
            "all files unpacked, as they tell it", _size(archive.MOST_UNPACKED), "refused unread",
            f"{tests}::test_a_bomb_is_refused_by_its_word_or_stopped_while_it_is_read",
        ),
        Limit(
            "one file unpacked", _size(DEFAULT_LIMITS.max_bytes), "no further read, whatever it tells",
            f"{tests}::test_a_bomb_is_refused_by_its_word_or_stopped_while_it_is_read",
        ),
        Limit(
            "archives within", "none", "refused unread", f"{tests}::test_an_archive_within_is_refused_unread"
        ),
    ]  # fmt: skip


def _of_sessions() -> list[Limit]:
    queue = "dashboard/test_album_queue.py"
    return [
        Limit(
            "pictures of the album", f"{album.MOST_PICTURES}", "left out, with a sentence",
            f"{queue}::test_more_than_fit_are_left_out_with_a_sentence",
        ),
        Limit(
            "bytes that wait to be answered", _size(album.MOST_WAITING), "left out, with a sentence",
            f"{queue}::test_bytes_that_wait_are_bounded_and_an_archive_counts_once",
        ),
        Limit(
            "bytes that are arriving", _size(album.MOST_WAITING), "left out, with a sentence",
            "dashboard/test_limits.py::test_files_that_never_end_are_given_up",
        ),
        Limit(
            "sentences on files that failed", f"{album.MOST_TROUBLES}", "the latest are kept",
            "dashboard/test_limits.py::test_troubles_and_names_stay_few_and_short",
        ),
        Limit(
            "file name that is shown", f"{album.LONGEST_NAME} characters", "its end is kept",
            "dashboard/test_limits.py::test_troubles_and_names_stay_few_and_short",
        ),
        Limit(
            "models asked at once", f"{state.MOST_MODELS}", "cannot be chosen",
            "dashboard/test_state.py::test_models_are_chosen_among_those_offered_in_their_order",
        ),
        Limit(
            "live pictures a second", f"{live_loop.MOST_RATE:g}", "dropped",
            "dashboard/test_live_loop.py::test_the_pace_is_that_of_the_slowest_part_and_frames_do_not_age",
        ),
        Limit(
            "of live that is kept", f"{live.MINUTE:g} s, numbers only", "the oldest go",
            "dashboard/test_live.py::test_the_timeline_keeps_a_minute",
        ),
        Limit(
            "without a connection",
            f"{server.LEFT_MS / 1000:g} s, looked at every {server.LOOK_MS / 1000:g} s",
            "the session ends, all of it is forgotten",
            "browser/test_privacy.py::test_nothing_of_a_picture_stays_in_memory",
        ),
    ]  # fmt: skip


def _of_tables() -> list[Limit]:
    tests = "fusion_model/test_own_table.py"
    return [
        Limit("file", _size(own.MAX_BYTES), "thrown away as it arrives", "dashboard/test_limits.py::"
              "test_a_table_past_the_limit_is_thrown_away_where_it_arrives"),
        Limit("text, unpacked", _size(own.MAX_UNPACKED), "no further unpacked",
              f"{tests}::test_a_small_file_that_unpacks_without_end_is_refused"),
        Limit("rows", f"{own_table.MOST_ROWS:,}", "refused, none beyond is read",
              f"{tests}::test_no_more_rows_are_read_than_may_be_shown"),
        Limit("columns", f"{table_file.MOST_COLUMNS:,}", "refused",
              f"{tests}::test_too_many_columns_are_refused"),
        Limit("characters of a row", f"{table_file.LONGEST_ROW:,}", "refused",
              f"{tests}::test_a_row_without_end_is_refused"),
        Limit("characters of a field", f"{csv.field_size_limit():,}", "refused",
              f"{tests}::test_a_row_without_end_is_refused"),
        Limit("different labels", f"2 to {own_table.MOST_LABELS}", "refused",
              f"{tests}::test_labels_without_end_are_refused"),
        Limit("rows that a click saves", f"{rows.MOST_SAVED:,}", "left out",
              "dashboard/test_limits.py::test_saved_rows_are_bounded"),
    ]  # fmt: skip


def _of_the_server() -> list[Limit]:
    pool = inspect.signature(inference.InferencePool).parameters
    return [
        Limit("pictures under way", f"one for two cores, {cores.MOST_WORKERS} at most", "wait",
              "dashboard/test_cores.py::test_servers_share_the_cores"),
        Limit("time for a picture", f"{worker_process.PATIENCE_S:g} s", "given up: try again",
              "dashboard/test_worker_process.py::test_a_picture_that_hangs_is_given_up"),
        Limit("requests that wait", f"{pool['waiting'].default}", "refused: busy, try again",
              "dashboard/test_inference.py::test_a_full_queue_says_busy_and_recovers"),
        Limit("body of a request to the HTTP interface", _size(api.MOST_BYTES), "dropped: status 413",
              "dashboard/test_api.py::test_too_many_bytes_are_refused"),
        Limit("models of a request", f"{api.MOST_MODELS}", "status 400",
              "dashboard/test_api.py::test_unknown_and_too_many_models"),
        Limit("message of a page to the server", _size(DEFAULT_WEBSOCKET_MAX_MESSAGE_SIZE_BYTES),
              "the connection ends; files come in pieces of "
              f"{_size(upload.CHUNK_BYTES)}", "dashboard/test_limits.py::test_pieces_of_files_fit_a_message"),
    ]  # fmt: skip


def _size(count: int) -> str:
    return f"{count / 1e6:,.5g} MB" if count >= 1_000_000 else f"{count / 1e3:,.5g} kB"


def told() -> str:
    """The table, as Markdown."""
    lines = []
    for title, found in limits().items():
        lines += [f"### {title}", "", "| limit | most | more is | test |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {limit.what} | {limit.most} | {limit.beyond} | `{limit.test.rpartition('::')[2]}` |"
            for limit in found
        ]
        lines.append("")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.limits", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where the table is old")
    options = parser.parse_args(arguments)
    text = DOC.read_text(encoding="utf-8")
    fresh = _BLOCK.sub(lambda found: found[1] + told() + found[2], text)
    if fresh == text:
        return 0
    if options.check:
        print(f"{DOC.name} is out of date: run python -m dashboard.limits", file=sys.stderr)
        return 1
    aside = DOC.with_suffix(".aside")
    aside.write_text(fresh, encoding="utf-8")
    aside.replace(DOC)
    return 0


if __name__ == "__main__":
    sys.exit(main())
