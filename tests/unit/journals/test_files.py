"""Inputs of the embedded run: what they hand out, and what they take up again."""

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from nudger.errors import JournalRefused, JournalUnavailable
from nudger.journals import files
from nudger.journals.files import HEAD_BYTES, HEAD_END, LINE_BYTES, FileInput, Input, StdinInput, TableInput
from nudger.journals.journal import Run

LONG = b"x" * (LINE_BYTES + 1)
HEAD = b"x" * HEAD_BYTES + HEAD_END


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.ndjson"


_opened: list[FileInput] = []


@pytest.fixture(autouse=True)
def _close_all() -> Iterator[None]:
    """Close what `reading` opens."""
    yield
    while _opened:
        _opened.pop().close()


def reading(path: Path, kept: bytes | None = None, *, follow: bool = False) -> FileInput:
    source = FileInput(path, "events", follow=follow)
    _opened.append(source)
    source.resume(kept)
    return source


def taken(source: Input, limit: int = 100) -> list[tuple[int, list[bytes]]]:
    """Take, and join runs that follow one another without a gap."""
    found: list[tuple[int, list[bytes]]] = []
    for run in source.take(limit):
        if found and found[-1][0] + len(found[-1][1]) == run.first:
            found[-1][1].extend(run.values)
        else:
            found.append((run.first, list(run.values)))
    return found


def read_all(source: FileInput, limit: int = 100) -> bytes:
    """Read to the end and return what to keep."""
    kept = None
    while runs := source.take(limit):
        kept = source.keep(runs[-1].first + len(runs[-1].values))
    assert kept is not None
    return kept


class TestLines:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"", []),
            (b"\n", []),
            (b"a\nb\n", [(1, [b"a", b"b"])]),
            (b"a\nb", [(1, [b"a", b"b"])]),
            (b"a\r\nb\r\n\r\nc\r", [(1, [b"a", b"b"]), (4, [b"c"])]),
            (b"\n\na\n\nb\nc\n\n", [(3, [b"a"]), (5, [b"b", b"c"])]),
            (b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n", [(1, [b"a", b"\xef\xbb\xbfb"])]),
            (b" \n", [(1, [b" "])]),
        ],
    )
    def test_records_are_numbered_by_line(
        self, path: Path, content: bytes, expected: list[tuple[int, list[bytes]]]
    ) -> None:
        path.write_bytes(content)
        source = reading(path)

        assert taken(source) == expected
        assert source.ended and source.dry

    @pytest.mark.parametrize("chunk", [1, 2, 3, 7])
    def test_neither_chunks_nor_limits_matter(self, path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(files, "CHUNK_BYTES", chunk)
        path.write_bytes(b"one\r\n\ntwo\nthree\n\n\nfour")
        for limit in (1, 2, 3, 100):
            source, found = reading(path), list[tuple[int, bytes]]()
            while not source.ended:
                found += [(first + n, value) for first, got in taken(source, limit) for n, value in enumerate(got)]
            assert found == [(1, b"one"), (3, b"two"), (4, b"three"), (7, b"four")]

    @pytest.mark.parametrize("chunk", [files.CHUNK_BYTES, 100_000])
    def test_a_line_that_is_too_long_is_handed_out_as_its_head(
        self, path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "CHUNK_BYTES", chunk)
        path.write_bytes(b"a\n" + LONG + b"\n" + LONG[:LINE_BYTES] + b"\nb\n" + LONG)
        source = reading(path)

        assert taken(source) == [(1, [b"a", HEAD, LONG[:LINE_BYTES], b"b", HEAD])]
        assert source.ended

    def test_a_source_that_cannot_be_opened_says_why(self, tmp_path: Path) -> None:
        with pytest.raises(JournalUnavailable, match="events cannot be read: No such file or directory"):
            reading(tmp_path / "missing")

    def test_a_pipe_is_no_file(self, path: Path) -> None:
        os.mkfifo(path)

        with pytest.raises(JournalRefused, match="not a regular file; pipe it in on standard input"):
            reading(path)


class TestResuming:
    @pytest.mark.parametrize("limit", [1, 2, 100])
    def test_it_goes_on_after_the_last_record_kept(self, path: Path, limit: int) -> None:
        path.write_bytes(b"a\n\n\nb\nc\n")
        kept, found = None, []
        for _ in range(6):
            source = reading(path, kept)
            runs = source.take(limit)
            found += [(run.first, list(run.values)) for run in runs]
            kept = source.keep(runs[-1].first + len(runs[-1].values)) if runs else kept

        assert [value for _, got in found for value in got] == [b"a", b"b", b"c"]
        assert found[-1][0] + len(found[-1][1]) == 6

    def test_a_file_that_has_grown_is_read_on(self, path: Path) -> None:
        path.write_bytes(b"a\nb\n")
        kept = read_all(reading(path))
        with path.open("ab") as file:
            file.write(b"c\n")

        assert taken(reading(path, kept)) == [(3, [b"c"])]

    def test_a_position_of_an_earlier_run_changes_nothing(self, path: Path) -> None:
        path.write_bytes(b"a\nb\n")
        source = reading(path, read_all(reading(path), limit=1))

        assert source.keep(3) is None

    def test_blank_lines_at_the_end_are_not_read_twice(self, path: Path) -> None:
        path.write_bytes(b"a\n")
        kept = read_all(reading(path))
        with path.open("ab") as file:
            file.write(b"\n\nb\n")

        assert taken(reading(path, kept)) == [(4, [b"b"])]

    @pytest.mark.parametrize(
        ("more", "expected"), [(b"", []), (b"\n", []), (b"\nc\n", [(3, [b"c"])]), (b"!\nc\n", [(2, [b"b!", b"c"])])]
    )
    def test_a_last_line_that_was_not_finished_comes_again_if_it_has_grown(
        self, path: Path, more: bytes, expected: list[tuple[int, list[bytes]]]
    ) -> None:
        path.write_bytes(b"a\nb")
        kept = read_all(reading(path))
        with path.open("ab") as file:
            file.write(more)
        source = reading(path, kept)

        assert taken(source) == expected
        again = source.keep(expected[-1][0] + len(expected[-1][1])) if expected else kept
        assert taken(reading(path, again)) == []

    @pytest.mark.parametrize(
        ("content", "finding"),
        [
            (b"a\n", "has 2 bytes, but 4 had been read"),
            (b"a\nB\nc\n", "has other content in the 4 bytes that had been read"),
        ],
    )
    def test_a_file_that_was_cut_or_replaced_is_refused(self, path: Path, content: bytes, finding: str) -> None:
        path.write_bytes(b"a\nb\n")
        kept = read_all(reading(path))
        path.write_bytes(content)

        with pytest.raises(JournalRefused, match=f"^events {finding}: .* another --state$"):
            reading(path, kept)

    def test_a_name_does_not_change_its_kind(self, path: Path) -> None:
        path.write_bytes(b"a\n")
        kept = read_all(reading(path))

        with pytest.raises(JournalRefused, match="another kind of input"):
            TableInput(path, "events", _rows).resume(kept)


class TestFollowing:
    def test_an_unfinished_line_waits(self, path: Path) -> None:
        path.write_bytes(b"a\nb")
        source = reading(path, follow=True)
        assert taken(source) == [(1, [b"a"])]
        assert taken(source) == [] and source.dry and not source.ended
        with path.open("ab") as file:
            file.write(b"!\n")

        assert taken(source) == [(2, [b"b!"])]

    def test_an_overlong_line_that_is_not_finished_is_not_counted_as_read(self, path: Path) -> None:
        path.write_bytes(b"a\n" + LONG)
        source = reading(path, follow=True)
        assert taken(source) == [(1, [b"a"])]
        kept = source.keep(2)
        with path.open("ab") as file:
            file.write(b"\nb\n")

        assert taken(source) == [(2, [HEAD, b"b"])]
        assert taken(reading(path, kept)) == [(2, [HEAD, b"b"])]

    def test_a_file_that_shrinks_is_refused(self, path: Path) -> None:
        path.write_bytes(b"a\nb\n")
        source = reading(path, follow=True)
        source.take(100)
        os.truncate(path, 2)

        with pytest.raises(JournalRefused, match="has 2 bytes, but 4 had been read"):
            source.take(100)

    def test_a_file_that_is_replaced_is_refused(self, path: Path) -> None:
        path.write_bytes(b"a\n")
        source = reading(path, follow=True)
        path.rename(path.with_suffix(".1"))
        assert taken(source) == [(1, [b"a"])]
        path.write_bytes(b"b\nc\n")

        with pytest.raises(JournalRefused, match="is another file now"):
            source.take(100)


class TestStandardInput:
    def test_what_is_there_is_handed_out_at_once(self) -> None:
        reader, writer = os.pipe()
        with os.fdopen(reader, "rb") as stream:
            source = StdinInput(stream)
            source.resume(None)
            assert taken(source) == [] and source.dry
            os.write(writer, b"a\nb\nc")
            assert taken(source, 1) == [(1, [b"a"])]
            assert taken(source) == [(2, [b"b"])]
            os.close(writer)
            assert taken(source) == [(3, [b"c"])] and source.ended
            assert source.keep(4) is None

    def test_plenty_comes_in_large_takes(self) -> None:
        reader, writer = os.pipe()
        lines = b"".join(b"%d\n" % number for number in range(10_000))
        with os.fdopen(reader, "rb") as stream, os.fdopen(writer, "wb", buffering=0) as feed:
            source, found = StdinInput(stream), list[Run]()
            source.resume(None)
            thread = threading.Thread(target=_write_and_close, args=(feed, lines))
            thread.start()
            while not source.ended:
                found += source.take(4_000)
            thread.join()

        assert [value for run in found for value in run.values] == lines.splitlines()


def _write_and_close(stream: io.FileIO, content: bytes) -> None:
    with stream:
        while content:
            content = content[stream.write(content) :]


def _rows(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from (line.rstrip() for line in file)


class TestTables:
    def table(self, path: Path, kept: bytes | None = None) -> TableInput:
        source = TableInput(path, "accounts", _rows)
        source.resume(kept)
        return source

    def test_rows_are_read_once(self, path: Path) -> None:
        path.write_bytes(b"a\nb\nc\n")
        source = self.table(path)
        assert (taken(source, 2), source.ended) == ([(1, [b"a", b"b"])], False)
        half = source.keep(3)
        assert (taken(source, 2), source.ended) == ([(3, [b"c"])], True)
        whole = source.keep(4)

        assert taken(self.table(path, half)) == [(3, [b"c"])]
        again = self.table(path, whole)
        assert again.ended and taken(again) == []

    def test_another_snapshot_is_read_from_its_first_row(self, path: Path) -> None:
        path.write_bytes(b"a\nb\n")
        source = self.table(path)
        source.take(100)
        kept = source.keep(3)
        path.write_bytes(b"a\nc\n")
        again = self.table(path, kept)

        assert again.keep(3) is None
        assert taken(again) == [(1, [b"a", b"c"])]

    def test_a_missing_table_says_so(self, path: Path) -> None:
        with pytest.raises(JournalUnavailable, match="accounts cannot be read: No such file"):
            self.table(path)
