"""The SQLite file under the embedded journal: its lock, its format, and its errors in plain words."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from nudger.errors import JournalError, JournalInUse, JournalRefused, JournalUnavailable

APPLICATION_ID = int.from_bytes(b"nudg", "big")
SCHEMA_VERSION = 1

#: Seconds to wait for somebody else's short lock (a backup, a shell) before giving up.
BUSY_SECONDS = 5.0

# Commits write one large blob each and, now and then, most of the table: large pages and a large log suit both.
PAGE_BYTES = 16 << 10
CACHE_KIB = 64 << 10
CHECKPOINT_PAGES = (32 << 20) // PAGE_BYTES
LOG_BYTES = 64 << 20

_WORDS: dict[int, tuple[type[JournalError], str]] = {
    sqlite3.SQLITE_FULL: (JournalUnavailable, "cannot grow: the disk is full. Make room and start again"),
    sqlite3.SQLITE_IOERR: (JournalUnavailable, "cannot be read or written; look for a full or failing disk"),
    sqlite3.SQLITE_READONLY: (JournalUnavailable, "cannot be written; check the rights on the file and its folder"),
    sqlite3.SQLITE_CANTOPEN: (JournalUnavailable, "cannot be opened; check that its folder is there and writable"),
    sqlite3.SQLITE_PERM: (JournalUnavailable, "cannot be opened; check the rights on the file and its folder"),
    sqlite3.SQLITE_BUSY: (JournalUnavailable, "is locked by another program (a shell, a backup?); end that first"),
    sqlite3.SQLITE_NOTADB: (JournalRefused, "is not a state of nudger; give another --state"),
    sqlite3.SQLITE_CORRUPT: (
        JournalRefused,
        "is damaged; put a backup in its place or begin anew with another --state",
    ),
}


@contextlib.contextmanager
def plain_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite raises about the file at *path* into a JournalError that says what to do."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.Error as error:
        primary = getattr(error, "sqlite_errorcode", 0) & 0xFF
        kind, words = _WORDS.get(primary, (JournalUnavailable, "cannot be used"))
        raise kind(f"the state {path} {words} (SQLite: {error})") from error


def take_lock(path: Path) -> int:
    """Make this process the only writer of *path*; return a descriptor that holds the lock until it is closed.

    Raises:
        JournalInUse: Another process holds it.
        JournalUnavailable: The lock file beside *path* cannot be made.
    """
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise JournalUnavailable(
            f"{lock} cannot be made: {error.strerror}; check that the folder of the state is there and writable"
        ) from error
    try:
        _lock(handle, path)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _lock(handle: int, path: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(handle, 32, 0).decode("ascii", "replace").strip()
        by = f"process {owner}" if owner else "another process"
        raise JournalInUse(f"the state {path} is in use by {by}; end it first, or give another --state") from error
    except OSError as error:
        raise JournalUnavailable(
            f"the state {path} cannot be locked: {error.strerror}; put it on a local disk"
        ) from error
    with contextlib.suppress(OSError):  # the number only helps the message above
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)


def open_for_writing(path: Path, schema: Sequence[str]) -> sqlite3.Connection:
    """Open the state at *path*, made with the statements of *schema* if there is none; the lock is held already."""
    with plain_errors(path):
        database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _prepare(database, path, schema)
        except BaseException:
            database.close()
            raise
    return database


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the state at *path* as it is now, beside whoever writes; later commits are not seen."""
    if not path.exists():
        raise JournalUnavailable(f"there is no state at {path}; has anything been run with this --state?")
    with plain_errors(path):
        database = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None
        )
        try:
            database.execute("BEGIN")
            if not _is_ours(database, path):
                raise JournalRefused(f"the state {path} is empty; has anything been run with this --state?")
        except BaseException:
            database.close()
            raise
    return database


def _prepare(database: sqlite3.Connection, path: Path, schema: Sequence[str]) -> None:
    fresh = not _is_ours(database, path)
    if fresh:
        database.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    mode = database.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise JournalUnavailable(f"the state {path} is on a file system without shared memory; put it on a local disk")
    for setting in (
        "synchronous = FULL",
        "secure_delete = OFF",
        f"cache_size = -{CACHE_KIB}",
        f"wal_autocheckpoint = {CHECKPOINT_PAGES}",
        f"journal_size_limit = {LOG_BYTES}",
    ):
        database.execute(f"PRAGMA {setting}")
    if fresh:
        with transaction(database):
            for statement in schema:
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _is_ours(database: sqlite3.Connection, path: Path) -> bool:
    """Return whether there is a state of ours; False when there is nothing at all yet."""
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise JournalRefused(
                f"the state {path} was written by a newer nudger (format {version}, this one knows {SCHEMA_VERSION}); "
                "use that version, or begin anew with another --state"
            )
        return True
    if application or version or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise JournalRefused(f"{path} is another program's database; give another --state")
    return False


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Commit what is done inside as a whole, or nothing of it."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
            database.execute("ROLLBACK")
        raise
