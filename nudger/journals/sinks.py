"""Where the embedded run's output goes: an NDJSON file, exactly once, or a stream, at least once.

SQLite keeps each line until it is marked as drained. A mark says how far a sink has come; what lies behind the mark
in the file is compared with the lines still kept, so a crash between writing and marking doubles nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

import msgspec
import xxhash

from nudger.errors import JournalInUse, JournalRefused, JournalUnavailable

#: So much before the mark is compared at start, enough to tell one file from another.
TAIL_BYTES = 4096


class Sink(Protocol):
    """Takes lines in order."""

    def resume(self, mark: bytes | None, pending: Sequence[bytes]) -> None:
        """Open, and see to it that the *pending* lines follow what *mark* stands for, once each.

        Args:
            mark: What `mark` returned when it was last stored; None on the first start.
            pending: Every line written since, or perhaps not written, without line feeds.

        Raises:
            JournalUnavailable: It cannot be opened or written.
            JournalRefused: It is not what was written before.
            JournalInUse: Another process writes to it.
        """

    def write(self, lines: Sequence[bytes]) -> None:
        """Put *lines* out, durably where the medium can; raises JournalUnavailable, after which only resume helps."""

    def mark(self) -> bytes:
        """Return what stands for everything written so far."""

    def close(self) -> None:
        """Let go of the file."""


class SinkMark(msgspec.Struct, frozen=True):
    """How far a file has been written: its full path, its length in bytes, xxh3_128 of the last bytes of these."""

    path: str
    length: int
    tail: bytes


class FileSink:
    """A file that grows by whole lines and is nobody else's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = -1
        self._length = 0
        self._tail = b""

    def resume(self, mark: bytes | None, pending: Sequence[bytes]) -> None:
        """Open the file, check that nobody else has changed it, and write what is missing of *pending*."""
        with _writable(str(self._path)):
            self._file = _open(self._path)
            self._check(self._known(mark, bool(pending)))
            self._append(self._missing(_joined(pending)))

    def _known(self, mark: bytes | None, pending: bool) -> SinkMark:
        """Return how far the file is known to be right; a new, empty one may follow one that is complete."""
        new = SinkMark(self._full_path(), 0, _hash(b""))
        kept = msgspec.msgpack.decode(mark, type=SinkMark) if mark else new
        if kept.path == new.path or self._size() > 0:
            return kept
        if pending:
            raise JournalRefused(
                f"the last run was cut short while writing to {kept.path}; start once more with that file as output, "
                f"then change to {self._path}"
            )
        return new

    def _check(self, known: SinkMark) -> None:
        if self._size() < known.length:
            raise self._foreign(f"has {self._size()} bytes, but {known.length} have been written to {known.path}")
        start = max(0, known.length - TAIL_BYTES)
        self._tail = os.pread(self._file, known.length - start, start)
        self._length = known.length
        if _hash(self._tail) != known.tail:
            raise self._foreign(f"has other content before byte {known.length} than was written to it")

    def _missing(self, expected: bytes) -> bytes:
        """Return what of *expected* is not in the file yet: all, some (the last line may be torn), or nothing.

        A torn line is completed, not cut off: whoever follows the file never sees bytes vanish.
        """
        more = self._size() - self._length
        there = os.pread(self._file, len(expected), self._length)
        if more > len(expected) or not expected.startswith(there):
            raise self._foreign(f"has {more} bytes after byte {self._length}, not all of them written by nudger")
        self._advance(there)
        return expected[len(there) :]

    def _size(self) -> int:
        return os.fstat(self._file).st_size

    def _foreign(self, finding: str) -> JournalRefused:
        return JournalRefused(
            f"{self._path} {finding}: it was cut, replaced, or somebody else has written to it. Put the file back as "
            "nudger left it, or give a new output file name with this --state"
        )

    def _full_path(self) -> str:
        return os.path.realpath(self._path)

    def _advance(self, data: bytes) -> None:
        self._length += len(data)
        self._tail = (self._tail + data)[-TAIL_BYTES:]

    def _append(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        os.fsync(self._file)
        self._advance(data)

    def write(self, lines: Sequence[bytes]) -> None:
        """Append *lines* in one piece and wait until they are on the disk."""
        with _writable(str(self._path)):
            self._append(_joined(lines))

    def mark(self) -> bytes:
        """Return the file's length and the hash of its tail."""
        return msgspec.msgpack.encode(SinkMark(self._full_path(), self._length, _hash(self._tail)))

    def close(self) -> None:
        """Close the file; with it goes the lock."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class StreamSink:
    """Standard output, or another stream: lines that were written but not marked are written again."""

    def __init__(self, stream: BinaryIO, name: str = "standard output") -> None:
        self._stream = stream
        self._name = name

    def resume(self, mark: bytes | None, pending: Sequence[bytes]) -> None:
        """Write the *pending* lines."""
        self.write(pending)

    def write(self, lines: Sequence[bytes]) -> None:
        """Write *lines* and flush."""
        with _writable(self._name):
            try:
                self._stream.write(_joined(lines))
                self._stream.flush()
            except BrokenPipeError:
                self._silence()
                raise

    def _silence(self) -> None:
        """Let what is left in the stream's buffer go nowhere; else the interpreter complains at exit."""
        with contextlib.suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)

    def mark(self) -> bytes:
        """Return nothing to remember."""
        return b""

    def close(self) -> None:
        """Leave the stream to whoever opened it."""


def _joined(lines: Sequence[bytes]) -> bytes:
    assert not any(b"\n" in line for line in lines), "a record of output holds a line feed"
    return b"".join(line + b"\n" for line in lines)


def _hash(data: bytes) -> bytes:
    return xxhash.xxh3_128_digest(data)


def _open(path: Path) -> int:
    """Open *path* for appending, created if need be, under a lock that goes with the descriptor."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise JournalRefused(f"{path} is not a regular file; use standard output for anything else")
        _lock(file, path)
        _sync_folder(path.parent)
    except BaseException:
        os.close(file)
        raise
    return file


def _lock(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise JournalInUse(
            f"{path} is being written by another nudger, or is given as output twice; give each its own file"
        ) from error


def _sync_folder(folder: Path) -> None:
    """Make the file's name durable, not only its content."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _writable(name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise JournalUnavailable(f"whoever was reading {name} has gone; start again to go on from here") from error
    except OSError as error:
        raise JournalUnavailable(f"{name} cannot be written: {error.strerror or error}") from error
