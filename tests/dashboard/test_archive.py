"""Archives as strangers make them."""

import contextlib
import io
import struct
import zipfile

import pytest

from dashboard import archive
from dashboard.archive import ArchiveError, is_archive, members


def packed(files, method=zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as made:
        for name, data in files:
            made.writestr(name, data)
    return out.getvalue()


def test_files_come_out_in_order_with_their_bytes():
    data = packed([("b.jpg", b"two"), ("folder/", b""), ("folder/a.jpg", b"one")])
    assert is_archive(data)
    assert [(found.name, found.read()) for found in members(data)] == [
        ("b.jpg", b"two"),
        ("folder/a.jpg", b"one"),
    ]


def test_names_are_never_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = members(packed([("../../evil.jpg", b"x"), ("/etc/evil.jpg", b"y"), ("C:\\evil.jpg", b"z")]))
    assert [member.read() for member in found] == [b"x", b"y", b"z"]
    assert list(tmp_path.iterdir()) == [] and not (tmp_path.parents[1] / "evil.jpg").exists()


def test_what_programs_hide_in_archives_is_left_out():
    hidden = ["__MACOSX/._a.jpg", ".DS_Store", "album/Thumbs.db", "album/.hidden.jpg"]
    found = members(packed([(name, b"x") for name in [*hidden, "album/a.jpg"]]))
    assert [member.name for member in found] == ["album/a.jpg"]


@pytest.mark.parametrize("name", ["inner.zip", "INNER.ZIP", "inner.tar.gz"])
def test_an_archive_within_is_refused_unread(name):
    (inner,) = members(packed([(name, b"PK\x03\x04")]))
    with pytest.raises(ArchiveError, match="archive within the archive"):
        inner.read()


def test_a_bomb_is_refused_by_its_word_or_stopped_while_it_is_read(monkeypatch):
    data = packed([("big.png", bytes(26_000_000))])
    with pytest.raises(ArchiveError, match="larger than 25 MB"):
        members(data)[0].read()
    # The same, lying about its size in both places that tell it.
    lying = data.replace(struct.pack("<L", 26_000_000), struct.pack("<L", 1000))
    with pytest.raises(ArchiveError, match="damaged"):
        members(lying)[0].read()
    monkeypatch.setattr(archive, "MOST_UNPACKED", 20_000_000)
    with pytest.raises(ArchiveError, match="Unpacked"):
        members(data)


def test_a_directory_of_millions_is_refused_before_it_is_read(monkeypatch):
    data = packed([(f"{number}.jpg", b"") for number in range(50)])
    monkeypatch.setattr(archive, "MOST_DIRECTORY_BYTES", 1000)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(ArchiveError, match="far too many files"):
        members(data)
    locator = b"PK\x06\x07" + bytes(16)
    with pytest.raises(ArchiveError, match="far too many files"):
        members(b"PK\x03\x04" + locator + b"PK\x05\x06" + bytes(18))


def test_decoders_that_may_ask_for_gigabytes_stay_shut():
    with pytest.raises(ArchiveError, match="rare way"):
        members(packed([("a.jpg", b"x" * 99)], zipfile.ZIP_LZMA))[0].read()


def test_a_locked_member_is_a_sentence():
    data = bytearray(packed([("a.jpg", b"x")]))
    for sign, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(sign) + offset] |= 1
    with pytest.raises(ArchiveError, match="password"):
        members(bytes(data))[0].read()


@pytest.mark.parametrize("cut", [0, 4, 40, 90])
def test_a_damaged_archive_is_a_sentence(cut):
    with pytest.raises(ArchiveError, match="damaged"):
        members(packed([("a.jpg", b"words " * 50)])[:cut])


def test_a_damaged_member_spoils_no_other():
    data = packed([("a.jpg", b"first"), ("b.jpg", b"second")], zipfile.ZIP_STORED)
    first, second = members(data.replace(b"first", b"f1rst"))
    with pytest.raises(ArchiveError, match="damaged"):
        first.read()
    assert second.read() == b"second"


def test_an_empty_archive_is_a_sentence():
    assert is_archive(packed([]))
    with pytest.raises(ArchiveError, match="no file"):
        members(packed([]))


def test_overlapping_members_are_read_one_by_one_or_refused():
    """A better bomb (Fifield 2019): many entries of the list point to one packed file."""
    data = packed([("a.jpg", b"words " * 50)])
    place = data.index(b"PK\x01\x02")
    entry, end = data[place : data.index(b"PK\x05\x06")], data.index(b"PK\x05\x06")
    many = 300
    told = struct.pack("<HHLL", many, many, len(entry) * many, place)
    found = members(data[:place] + entry * many + data[end : end + 8] + told + b"\0\0")
    assert len(found) == many
    for member in found[:3]:
        with contextlib.suppress(ArchiveError):
            assert len(member.read()) == 300


def test_a_link_is_a_file_like_any_other():
    link = zipfile.ZipInfo("link.jpg")
    link.external_attr = 0o120777 << 16
    (found,) = members(packed([(link, b"/etc/passwd")]))
    assert found.read() == b"/etc/passwd"  # its bytes, which are no picture; nothing is followed


@pytest.mark.parametrize(
    "name", ["../" * 40 + "etc/passwd", "/abs.jpg", "a/../../b.jpg", "con.jpg", "x" * 60_000]
)
def test_paths_are_words(name):
    (found,) = members(packed([(name, b"x")]))
    assert found.name == name and found.read() == b"x"


def test_a_file_without_a_name_is_left_out():
    data = packed([("a.jpg", b"x"), ("b.jpg", b"y")])
    nameless = data.replace(b"a.jpg", b"\0.jpg")
    assert [member.name for member in members(nameless)] == ["b.jpg"]
