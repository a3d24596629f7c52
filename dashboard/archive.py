"""Pictures out of a ZIP archive that strangers may have made: in memory only, bounded, nothing by its word.

The names in an archive are text to show and never a path: nothing is ever written. What a member says of its
own size is believed only when it says too much; reading stops at the limit whatever it says.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from fusion_model.errors import ExpressionLensError
from fusion_model.images import DEFAULT_LIMITS

ZIP_START = b"PK\x03\x04"
MOST_DIRECTORY_BYTES = 2_000_000  # of the list of members: some ten thousand names
MOST_UNPACKED = 1_000_000_000  # bytes of all members together, as they tell it
# Decoders that need no more memory than the window of DEFLATE. The others may ask for gigabytes.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz")
# What programs leave in archives without the user's knowing.
_UNSEEN = ("__macosx", "thumbs.db", "desktop.ini")
# The end of the central directory (PKWARE, APPNOTE 6.3.10, section 4.3.16), and the sign of a Zip64 one
# before it (section 4.3.15).
_END, _END_64 = b"PK\x05\x06", b"PK\x06\x07"
_END_SIZE, _LONGEST_COMMENT, _LOCATOR_SIZE = 22, 65_535, 20


class ArchiveError(ExpressionLensError):
    """An archive, or a member of it, that cannot be used."""


@dataclass(frozen=True, eq=False)
class Member:
    """One file of an archive.

    Attributes
    ----------
    name : its path in the archive; text to show and nothing else.
    """

    name: str
    _archive: zipfile.ZipFile
    _info: zipfile.ZipInfo

    def read(self) -> bytes:
        """Its bytes, no more than a picture may have.

        Raises
        ------
        ArchiveError
            When it is locked, damaged, or no picture by its name.
        """
        self._refuse()
        try:
            with self._archive.open(self._info) as stream:
                return stream.read(DEFAULT_LIMITS.max_bytes + 1)
        # Fed hostile bytes, zipfile raises many kinds of errors; to the user the member is damaged.
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
            raise ArchiveError("This part of the ZIP archive is damaged; make the archive again.") from error

    def _refuse(self) -> None:
        if self._info.flag_bits & 0x1:
            raise ArchiveError("This part of the ZIP archive is locked with a password; unpack it first.")
        if self._info.compress_type not in _METHODS:
            raise ArchiveError(
                "This part of the ZIP archive is packed in a rare way; pack it as an ordinary ZIP."
            )
        if self.name.lower().endswith(_ARCHIVES):
            raise ArchiveError("This is an archive within the archive; unpack it and drop its pictures.")
        if self._info.file_size > DEFAULT_LIMITS.max_bytes:
            raise ArchiveError(
                f"The file is larger than {DEFAULT_LIMITS.max_bytes / 1e6:g} MB; "
                "save the picture smaller and try again."
            )


def is_archive(start: bytes) -> bool:
    """Whether a file that begins so is a ZIP archive."""
    return start.startswith((ZIP_START, _END))


def members(data: bytes) -> list[Member]:
    """The files in an archive, in its order; folders and what programs hide in archives left out.

    Parameters
    ----------
    data : bytes
        The whole archive.

    Raises
    ------
    ArchiveError
        When it is damaged or empty, or has too many members or too large ones.
    """
    _check_directory(data)
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, struct.error) as error:
        raise _damaged() from error
    found = [Member(info.filename, archive, info) for info in _files(archive)]
    if not found:
        raise ArchiveError("There is no file in this ZIP archive.")
    if sum(member._info.file_size for member in found) > MOST_UNPACKED:
        raise ArchiveError(
            f"Unpacked, this ZIP archive would take more than {MOST_UNPACKED / 1e9:g} GB; "
            "drop fewer pictures at once."
        )
    return found


def _files(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    for info in archive.infolist():
        if not info.filename:
            continue  # zipfile itself would stumble over it
        parts = info.filename.lower().split("/")
        hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
        if not (info.is_dir() or hidden or parts[0] in _UNSEEN or parts[-1] in _UNSEEN):
            yield info


def _check_directory(data: bytes) -> None:
    """Refuse a list of members so long that reading it alone would take the server's time and memory."""
    place = len(data) - _END_SIZE
    if not (data[place:].startswith(_END) and data.endswith(b"\x00\x00")):
        place = data.rfind(_END, max(0, len(data) - _END_SIZE - _LONGEST_COMMENT))
    if place < 0 or len(data) < place + _END_SIZE:
        raise _damaged()
    (size,) = struct.unpack_from("<L", data, place + 12)
    before = place - _LOCATOR_SIZE
    # Zip64 is for what is beyond the limits anyway, and tells its sizes elsewhere.
    if size > MOST_DIRECTORY_BYTES or (before >= 0 and data.startswith(_END_64, before)):
        raise ArchiveError("This ZIP archive has far too many files; drop fewer pictures at once.")


def _damaged() -> ArchiveError:
    return ArchiveError("The ZIP archive is damaged or was cut short; make it again.")
