"""What the embedded run reads: files of events, standard input, and accounts files.

An input hands out records and says what must be kept so that it can go on after the last committed one. What it
keeps is opaque to the journal. A file is known by its name and a hash of the bytes read from it: a file that has
been replaced or cut is refused, one that has grown is read on.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import select
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

import msgspec
import xxhash

from nudger.errors import JournalRefused, JournalUnavailable
from nudger.journals.journal import Run

CHUNK_BYTES = 4 << 20
PIPE_BYTES = 1 << 20

#: A longer line is not held in memory. What is handed out for it is its head and three dots: more than any event
#: may have (64 KiB), so intake sets it aside as too_large.
LINE_BYTES = 1 << 20
HEAD_BYTES = 64 << 10
HEAD_END = b"..."

#: A pipe that has just given this much is being filled by somebody in a hurry: worth a moment's wait for more.
PLENTY_BYTES = 64 << 10
LINGER_SECONDS = 0.002

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


Mark = TypeVar("Mark", bound=msgspec.Struct)


class Input(Protocol):
    """One source of records, read in order.

    Attributes:
        name: The source that its records and positions are known by.
        goes_first: Read to its end before any input that does not go first.
        dry: The last `take` found the end of what there is now.
        ended: Nothing more will ever come.
    """

    name: str
    goes_first: bool
    dry: bool
    ended: bool

    def resume(self, kept: bytes | None) -> None:
        """Open, and go on where *kept* says (None: from the beginning).

        Raises:
            JournalUnavailable: It cannot be opened or read.
            JournalRefused: It is not what was read before.
        """

    def take(self, limit: int) -> list[Run]:
        """Return what is there now, at most *limit* records; nothing only if it is dry. Does not wait for more."""

    def keep(self, position: int) -> bytes | None:
        """Return what `resume` needs once all records before *position* are committed.

        None if there is nothing to keep: it never resumes, or no `take` since `resume` ended at *position* (it is
        from an earlier run), so that what was kept before still holds.
        """

    def fileno(self) -> int | None:
        """Return a descriptor that becomes readable when there is more; None if one must look again."""

    def close(self) -> None:
        """Let go of the file."""


class _LineInput:
    """Lines of a byte stream, numbered from 1; CR LF and empty lines are taken, empty lines are not records."""

    goes_first = False

    def __init__(self, name: str) -> None:
        self.name = name
        self.dry = False
        self.ended = False
        self._line = 1
        self._buffer = b""
        self._head: bytes | None = None  # of a line too long to hold, while the rest of it is skipped

    def take(self, limit: int) -> list[Run]:
        """Return what is there now, at most *limit* records, as runs without a gap in their line numbers."""
        runs: list[Run] = []
        self.dry = self.ended
        while limit > 0 and not self.dry:
            lines = self._cut(limit)
            if not lines and not self._fill():
                self.dry = True
                lines = self._unfinished() if self.ended else []
            if lines:
                numbered = self._number(lines)
                limit -= sum(len(run.values) for run in numbered)
                runs += numbered
        return runs

    def _fill(self) -> bool:
        """Read on into the buffer; False if nothing is there now, with `ended` set if nothing ever will be."""
        raise NotImplementedError

    def _consume(self, count: int) -> None:
        """Drop the first *count* bytes of the buffer: they are handed out or skipped."""
        self._buffer = self._buffer[count:]

    def _cut(self, limit: int) -> list[bytes]:
        """Take up to *limit* whole lines from the buffer; none while a line is not finished."""
        if self._head is not None:
            return self._skip()
        *lines, rest = self._buffer.split(b"\n", limit)
        if lines:
            end = len(self._buffer) - len(rest)
            returns = self._buffer.find(b"\r", 0, end) >= 0
            self._consume(end)
            return _clean(lines, returns)
        if len(rest) > LINE_BYTES:
            self._head = rest[:HEAD_BYTES] + HEAD_END
            return self._skip()
        return []

    def _skip(self) -> list[bytes]:
        end = self._buffer.find(b"\n") + 1
        self._consume(end or len(self._buffer))
        if not end:
            return []
        assert self._head is not None
        head, self._head = self._head, None
        return [head]

    def _unfinished(self) -> list[bytes]:
        """Take the last line of an input that ends without a line feed."""
        last, self._head = self._head or self._buffer, None
        self._consume(len(self._buffer))
        return _clean([last], returns=True) if last else []

    def _number(self, lines: list[bytes]) -> list[Run]:
        first = self._line
        self._line += len(lines)
        if first == 1:
            lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
        if b"" not in lines:
            return [Run(self.name, first, lines)]
        runs = []
        for filled, group in itertools.groupby(enumerate(lines, first), key=lambda at: bool(at[1])):
            if filled:
                numbers, values = zip(*group, strict=True)
                runs.append(Run(self.name, numbers[0], values))
        return runs


def _clean(lines: list[bytes], returns: bool) -> list[bytes]:
    """Shorten lines that are too long; strip carriage returns if there are *returns* among the bytes."""
    if max(map(len, lines)) > LINE_BYTES:
        lines = [line if len(line) <= LINE_BYTES else line[:HEAD_BYTES] + HEAD_END for line in lines]
    return [line.removesuffix(b"\r") for line in lines] if returns else lines


class FileMark(msgspec.Struct, frozen=True):
    """How far a file has been read.

    Attributes:
        position: After the last record; blank lines may lie between it and `line`.
        line: The next line's number.
        offset: Bytes read so far.
        digest: xxh3_128 of these bytes.
        begun: Where the last line begins if it had no line feed when it was read; otherwise `offset`.
    """

    position: int
    line: int
    offset: int
    digest: bytes
    begun: int


class FileInput(_LineInput):
    """A file with one record a line.

    With *follow* the end of the file is not the end: a last line without a line feed waits to be finished. Without,
    it is a record; should the line have grown when the file is opened again, it is handed out once more, whole.
    """

    def __init__(self, path: Path, name: str, *, follow: bool = False) -> None:
        super().__init__(name)
        self._path = path
        self._follow = follow
        self._file = -1
        self._hash = xxhash.xxh3_128()  # of what is consumed
        self._read_to = 0
        self._whole_to = 0  # where the last line with a line feed ends
        self._before_open_line: xxhash.xxh3_128 | None = None
        self._position = 1
        self._marks: dict[int, FileMark] = {}

    def resume(self, kept: bytes | None) -> None:
        """Open the file and check that it still begins with what was read from it."""
        mark = _decode(kept, FileMark, self.name) or FileMark(1, 1, 0, self._hash.digest(), 0)
        with _readable(self.name):
            # not to wait for a writer if this is a named pipe
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            if not stat.S_ISREG(os.fstat(self._file).st_mode):
                raise JournalRefused(f"{self.name} is not a regular file; pipe it in on standard input instead")
            self._check_size(mark.offset)
            self._rehash(mark)
        self._position, self._line = mark.position, mark.line
        self._read_to, self._whole_to = mark.offset, mark.begun

    def _rehash(self, mark: FileMark) -> None:
        self._hash_between(0, mark.begun)
        if mark.begun < mark.offset:
            self._before_open_line = self._hash.copy()
            self._hash_between(mark.begun, mark.offset)
        if self._hash.digest() != mark.digest:
            raise self._replaced(f"has other content in the {mark.offset} bytes that had been read")

    def _hash_between(self, start: int, end: int) -> None:
        while start < end:
            data = os.pread(self._file, min(CHUNK_BYTES, end - start), start)
            if not data:
                return
            self._hash.update(data)
            start += len(data)

    def _check_size(self, at_least: int) -> None:
        size = os.fstat(self._file).st_size
        if size < at_least:
            raise self._replaced(f"has {size} bytes, but {at_least} had been read")

    def _replaced(self, finding: str) -> JournalRefused:
        return JournalRefused(
            f"{self.name} {finding}: it was cut or replaced. Put the original file back, or give the new content a "
            "file name of its own (an event that was counted already is not counted again), or begin anew with "
            "another --state"
        )

    def _fill(self) -> bool:
        with _readable(self.name):
            data = self._read()
            if data and self._before_open_line:
                data = self._read_after_open_line(data, self._before_open_line)
            if not data and self._follow:
                self._check_same()
        self._read_to += len(data)
        self._buffer += data
        self.ended = not data and not self._follow
        return bool(data)

    def _read(self) -> bytes:
        return os.pread(self._file, CHUNK_BYTES, self._read_to)

    def _read_after_open_line(self, data: bytes, before: xxhash.xxh3_128) -> bytes:
        """Read on after a last line that was handed out without its line feed; again from its start if it grew."""
        self._before_open_line = None
        if data.startswith(b"\n"):
            self._hash.update(b"\n")
            self._read_to += 1
            self._whole_to = self._read_to
        else:
            self._hash = before
            self._read_to = self._whole_to
            self._line -= 1
        return self._read()

    def _check_same(self) -> None:
        self._check_size(self._read_to)
        with contextlib.suppress(FileNotFoundError):  # taken away: what is open stays readable
            if not os.path.samestat(os.fstat(self._file), self._path.stat()):
                raise self._replaced("is another file now")

    def _consume(self, count: int) -> None:
        self._hash.update(memoryview(self._buffer)[:count])
        super()._consume(count)

    def _number(self, lines: list[bytes]) -> list[Run]:
        runs = super()._number(lines)
        if runs:
            self._position = runs[-1].first + len(runs[-1].values)
        offset = self._read_to - len(self._buffer)
        if not self.ended:
            self._whole_to = offset
        digest = self._hash.digest()
        self._marks[self._position] = FileMark(self._position, self._line, offset, digest, self._whole_to)
        return runs

    def keep(self, position: int) -> bytes | None:
        """Return the mark for *position*, and forget those before it."""
        if position not in self._marks:
            return None
        self._marks = {end: mark for end, mark in self._marks.items() if end >= position}
        return msgspec.msgpack.encode(self._marks[position])

    def fileno(self) -> int | None:
        """Return None: a file does not say when it grows."""
        return None

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class StdinInput(_LineInput):
    """Lines of a pipe or terminal, handed out as soon as they arrive; what was read is gone, so it never resumes."""

    def __init__(self, stream: BinaryIO, name: str = "stdin") -> None:
        """Read the descriptor under *stream*, past its buffer."""
        super().__init__(name)
        self._stream = stream
        self._file = stream.fileno()
        self._plenty = False

    def resume(self, kept: bytes | None) -> None:
        """Widen the pipe, so that a fast writer need not wait for us at every 64 KiB."""
        with contextlib.suppress(OSError):  # not a pipe, or the system's limit is reached
            fcntl.fcntl(self._file, fcntl.F_SETPIPE_SZ, PIPE_BYTES)

    def _fill(self) -> bool:
        with _readable(self.name):
            patience = LINGER_SECONDS if self._plenty else 0
            self._plenty = False
            if not select.select([self._file], [], [], patience)[0]:
                return False
            data = os.read(self._file, PIPE_BYTES)
        self._plenty = len(data) >= PLENTY_BYTES
        self._buffer += data
        self.ended = not data
        return bool(data)

    def keep(self, position: int) -> bytes | None:
        """Return None: lines are counted from 1 in each run."""
        return None

    def fileno(self) -> int | None:
        """Return the descriptor to wait on."""
        return self._file

    def close(self) -> None:
        """Leave the stream to whoever opened it."""


class TableMark(msgspec.Struct, frozen=True):
    """How far a table has been read: its next row (1-based), the file's xxh3_128, whether that was all."""

    row: int
    digest: bytes
    done: bool


class TableInput:
    """A file that is a snapshot (an accounts file): read again from the first row whenever its content has changed."""

    goes_first = True

    def __init__(self, path: Path, name: str, rows: Callable[[Path], Iterator[bytes]]) -> None:
        """Take the records of *path* from *rows*, in an order that depends on the file alone."""
        self.name = name
        self.dry = False
        self.ended = False
        self._path = path
        self._rows = rows
        self._left: Iterator[bytes] = iter(())
        self._next = 1
        self._ends: set[int] = set()
        self._digest = b""

    def resume(self, kept: bytes | None) -> None:
        """Go on after the last row read, if this is the same snapshot still."""
        with _readable(self.name):
            self._digest = _digest(self._path)
            mark = _decode(kept, TableMark, self.name)
            if mark is None or mark.digest != self._digest:
                mark = TableMark(1, self._digest, False)
            self._next = mark.row
            self.dry = self.ended = mark.done
            if not mark.done:
                self._left = itertools.islice(self._rows(self._path), mark.row - 1, None)

    def take(self, limit: int) -> list[Run]:
        """Return the next rows, at most *limit*."""
        if self.ended:
            return []
        with _readable(self.name):
            values = list(itertools.islice(self._left, limit))
        self.dry = self.ended = len(values) < limit
        first, self._next = self._next, self._next + len(values)
        self._ends.add(self._next)
        return [Run(self.name, first, values)] if values else []

    def keep(self, position: int) -> bytes | None:
        """Return the row to go on at, and which snapshot it is a row of."""
        if position not in self._ends:
            return None
        self._ends = {end for end in self._ends if end >= position}
        done = self.ended and position == self._next
        return msgspec.msgpack.encode(TableMark(position, self._digest, done))

    def fileno(self) -> int | None:
        """Return None: there is nothing to wait for."""
        return None

    def close(self) -> None:
        """Let go of the rows."""
        self._left = iter(())


def _decode(kept: bytes | None, kind: type[Mark], name: str) -> Mark | None:
    try:
        return msgspec.msgpack.decode(kept, type=kind) if kept else None
    except msgspec.ValidationError as error:
        raise JournalRefused(f"{name} was read as another kind of input before; give it another name") from error


def _digest(path: Path) -> bytes:
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            digest.update(data)
    return digest.digest()


@contextlib.contextmanager
def _readable(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise JournalUnavailable(f"{name} cannot be read: {error.strerror or error}") from error
