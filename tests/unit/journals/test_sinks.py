"""Sinks complete what a crash left half-done, and write to nothing that is not theirs."""

import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from nudger.errors import JournalInUse, JournalRefused, JournalUnavailable
from nudger.journals.sinks import TAIL_BYTES, FileSink, StreamSink

LINES = [b"one", b"two", b"three"]
WHOLE = b"one\ntwo\nthree\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nudges.ndjson"


def write(path: Path, lines: Sequence[bytes], mark: bytes | None = None, pending: Sequence[bytes] = ()) -> bytes:
    """Open, write, close; return the mark after it."""
    sink = FileSink(path)
    try:
        sink.resume(mark, pending)
        sink.write(lines)
        return sink.mark()
    finally:
        sink.close()


@pytest.mark.parametrize("there", range(len(WHOLE) + 1))
def test_however_much_of_the_pending_lines_is_there_the_rest_is_written(path: Path, there: int) -> None:
    mark = write(path, [b"zero"])
    with path.open("ab") as file:
        file.write(WHOLE[:there])
    after = write(path, [b"four"], mark, LINES)

    assert path.read_bytes() == b"zero\n" + WHOLE + b"four\n"
    assert write(path, [], after) == after


@pytest.mark.parametrize(
    ("content", "pending", "finding"),
    [
        (b"zero\nsomething else\n", [], "15 bytes after byte 5, not all of them written by nudger"),
        (b"zero\nonce upon a time\n", LINES, "17 bytes after byte 5"),
        (b"zero\none\ntwo\nthree\nfour\n", LINES, "19 bytes after byte 5"),
        (b"zer", LINES, "has 3 bytes, but 5 have been written to"),
        (b"", LINES, "has 0 bytes, but 5 have been written to"),
        (b"ZERO\n", LINES, "has other content before byte 5"),
    ],
)
def test_a_file_that_is_not_as_it_was_left_is_refused(
    path: Path, content: bytes, pending: list[bytes], finding: str
) -> None:
    mark = write(path, [b"zero"])
    path.write_bytes(content)

    with pytest.raises(JournalRefused, match=f"{finding}.*: it was cut, replaced"):
        write(path, [], mark, pending)
    assert path.read_bytes() == content


def test_a_file_that_exists_is_no_new_output(path: Path) -> None:
    path.write_bytes(b"an older run\n")

    with pytest.raises(JournalRefused, match="13 bytes after byte 0"):
        write(path, [])


def test_the_end_of_a_long_file_is_compared(path: Path) -> None:
    mark = write(path, [b"x" * TAIL_BYTES, b"y" * TAIL_BYTES])
    content = bytearray(path.read_bytes())
    content[-3:-1] = b"zz"
    path.write_bytes(content)

    with pytest.raises(JournalRefused, match="other content before byte"):
        write(path, [], mark)


def test_a_file_may_be_moved(path: Path, tmp_path: Path) -> None:
    mark = write(path, [b"one"])
    moved = path.rename(tmp_path / "moved.ndjson")
    write(moved, [b"three"], mark, [b"two"])

    assert moved.read_bytes() == WHOLE


def test_a_new_file_is_taken_when_nothing_is_pending(path: Path, tmp_path: Path) -> None:
    mark = write(path, [b"one"])
    other = tmp_path / "other.ndjson"
    with pytest.raises(JournalRefused, match=r"cut short while writing to .*nudges\.ndjson; start once more"):
        write(other, [], mark, [b"two"])
    write(other, [b"two"], mark)

    assert other.read_bytes() == b"two\n"


def test_two_do_not_write_to_one_file(path: Path) -> None:
    first, second = FileSink(path), FileSink(path)
    first.resume(None, [])
    with pytest.raises(JournalInUse, match="given as output twice"):
        second.resume(None, [])
    first.close()
    second.close()


def test_what_is_no_file_is_refused() -> None:
    with pytest.raises(JournalRefused, match="not a regular file"):
        write(Path("/dev/null"), [])


def test_a_line_feed_in_a_record_is_a_broken_promise(path: Path) -> None:
    with pytest.raises(AssertionError, match="holds a line feed"):
        write(path, [b"two\nlines"])


def test_a_stream_gets_pending_lines_again() -> None:
    stream = io.BytesIO()
    sink = StreamSink(stream)
    sink.resume(sink.mark(), [b"one"])
    sink.write([b"two", b"three"])
    sink.close()

    assert stream.getvalue() == WHOLE


def test_a_stream_that_is_full_says_so() -> None:
    full = "standard output cannot be written: No space left on device"
    with Path("/dev/full").open("wb", buffering=0) as stream, pytest.raises(JournalUnavailable, match=full):
        StreamSink(stream).write([b"one"])
