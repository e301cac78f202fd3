"""The bytes of a file, or of standard input, as a stream of UTF-8 text.

Compression and encoding are found by the first bytes. A file without a byte order mark is UTF-8, or
Windows-1252 (of which Latin-1's letters are a part) where its first byte beyond ASCII says that it
is not UTF-8.
"""

import codecs
import gzip
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from fastnn.columns.input_error import InputError, shown

STANDARD = Path("-")  # standard input or output
AT_ONCE = 1 << 20  # bytes
MOST_EXPANDED = 1 << 27  # bytes of a compressed file that are read whatever its ratio
MOST_RATIO = 200  # beyond them; gzip reaches 1032 with a file of zeros, tables 5 to 30

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@contextmanager
def open_bytes(path: Path, told: str) -> Iterator[IO[bytes]]:
    """Open a file, and unpack it if it is compressed.

    Parameters
    ----------
    path : Path
        Of the file.
    told : str
        Its name for messages.

    Raises
    ------
    InputError
        If there is no such file, or it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            yield io.BufferedReader(_Unpacked(told, file), AT_ONCE) if packed else file
    except FileNotFoundError:
        raise InputError(f"{told}: there is no such file.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{told}: cannot be read: {' '.join(str(error).split())}") from error


class _Unpacked(io.RawIOBase):
    """A gzip file, which may not expand without bound."""

    def __init__(self, told: str, file: IO[bytes]) -> None:
        self._told, self._file = told, file
        self._unpacked = gzip.GzipFile(fileobj=file)
        self._n = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._unpacked.read1(len(buffer))
        buffer[: len(part)] = part
        self._n += len(part)
        if self._n > max(MOST_EXPANDED, MOST_RATIO * self._file.tell()):
            raise InputError(
                f"{self._told}: expands to more than {self._n >> 20} MB, {MOST_RATIO} times its "
                "size: unpack it first, if you trust it."
            )
        return len(part)


@contextmanager
def kept(path: Path) -> Iterator[Path]:
    """Keep standard input in a temporary file, as it can be read only once; others as they are."""
    if path != STANDARD:
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="fastnn.") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, AT_ONCE)
        file.flush()
        yield Path(file.name)


class Utf8(io.RawIOBase):
    """A stream of bytes in some encoding, as UTF-8.

    Parameters
    ----------
    told : str
        Name for messages.
    file : binary file
        What is read.
    encoding : str or None
        The encoding; None finds it.

    Attributes
    ----------
    encoding : str
        As found so far: UTF-8 while all bytes are ASCII.
    watch : callable
        Called with each part of UTF-8 that is read, the last one empty.
    """

    def __init__(self, told: str, file: IO[bytes], encoding: str | None) -> None:
        self._told, self._file = told, file
        self._left = memoryview(b"")
        self.watch: Callable[[bytes], None] = lambda part: None
        self._sure = encoding is not None
        first = file.read(AT_ONCE)
        for mark, of in _MARKS:
            if first.startswith(mark) and (encoding is None or _same(encoding, of)):
                first, encoding, self._sure = first[len(mark) :], of, True
                break
        if encoding is None and b"\x00" in first[:1000]:
            encoding, self._sure = _of_zeros(first), True
        self._use(encoding or "utf-8")
        self._first: bytes | None = first

    def _use(self, encoding: str) -> None:
        try:
            self._decoder = codecs.getincrementaldecoder(encoding)()
        except LookupError:
            raise InputError(f"--encoding {shown(encoding)}: there is no such encoding.") from None
        self.encoding = codecs.lookup(encoding).name

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read UTF-8 into a buffer; returns the number of bytes, 0 at the end."""
        while not self._left:
            part = self._file.read(AT_ONCE) if self._first is None else self._first
            self._first = None
            decoded = self._decode(part)
            self._left = memoryview(decoded)
            if decoded or not part:
                self.watch(decoded)
            if not part:
                break
        n = min(len(buffer), len(self._left))
        buffer[:n] = self._left[:n]
        self._left = self._left[n:]
        return n

    def _decode(self, part: bytes) -> bytes:
        if not self._sure and not part.isascii():
            self._sure = True
            if not _is_utf8(part):
                self._use("cp1252")
        try:
            text = self._decoder.decode(part, final=not part)
        except UnicodeDecodeError as error:
            bad = bytes(error.object[error.start : error.start + 1])
            raise InputError(
                f"{self._told}: byte {bad!r} is no {self.encoding} text: "
                "--encoding names another encoding, such as latin-1."
            ) from None
        return text.encode("utf-8", "surrogatepass")


def _is_utf8(part: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(part)
    except UnicodeDecodeError:
        return False
    return True


def _of_zeros(first: bytes) -> str:
    """Find the encoding of bytes among which are zeros: UTF-16 without its mark, or none."""
    even, odd = first[:1000:2].count(0), first[1:1000:2].count(0)
    if min(even, odd) * 10 < max(even, odd) and max(even, odd) * 4 > len(first[:1000:2]):
        return "utf-16-le" if odd > even else "utf-16-be"
    return "utf-8"


def _same(encoding: str, found: str) -> bool:
    """Whether a mark goes with the encoding that a person named."""
    try:
        named = codecs.lookup(encoding).name
    except LookupError:
        return False
    return named.removesuffix("-sig").startswith(found.removesuffix("-le").removesuffix("-be"))
