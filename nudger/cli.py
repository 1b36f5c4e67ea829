"""The door: arguments in, an exit code out. What a command needs is imported when it is asked for.

Exit codes: 0 fine, 1 findings, 2 usage and settings, 3 a file or connection, 4 state and files do not fit together,
5 the state is in use, 70 a fault of nudger, 130 interrupted, 143 terminated. Nobody is shown a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, Final

from nudger.errors import DefinitionError, JournalError, NudgerError

FINDINGS: Final = 1
USAGE: Final = 2
UNAVAILABLE: Final = 3
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
FAULT: Final = 70

#: Command -> the module with its `main`.
COMMANDS: Final = {
    "check": "nudger.tools.check",
    "test": "nudger.tools.scenario",
    "run": "nudger.tools.run",
    "preview": "nudger.tools.preview",
    "explain": "nudger.tools.explain",
}

_ABOUT: Final = "Usage events in, explained upgrade e-mails out."
_START: Final = """\
A project is a folder with rules/, templates/ and nudger.toml. The usual order:

  nudger check                          are the rules and templates right?
  nudger test                           do the rules do what their tests say?
  nudger preview RULE                   what would its mail look like?
  nudger run --events month.ndjson      read events, write messages, show the board
  nudger explain ACCOUNT                why did this account get a nudge, or none?

`nudger COMMAND --help` tells more about each. Exit codes: 0 fine, 1 findings, 2 usage or settings,
3 a file cannot be used, 4 state and files do not fit together, 5 the state is in use,
70 a fault of nudger itself, 130 interrupted.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code of the process."""
    _print_anything()
    try:
        return _flushed(_run(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:
        _silence()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        _say("interrupted; what had been committed stays, and the same command goes on from there")
        return INTERRUPTED


def _run(arguments: Sequence[str]) -> int:
    parser = build_parser()
    args = parser.parse_args(arguments)
    if args.command is None:
        parser.print_help()
        return USAGE
    try:
        command: Callable[[argparse.Namespace], int] = importlib.import_module(COMMANDS[args.command]).main
        if args.debug or "structlog" in sys.modules:  # who logs has imported it by now
            _log_to_stderr(debug=args.debug)
        return command(args)
    except BrokenPipeError:
        raise
    except DefinitionError as error:
        importlib.import_module("nudger.tools.check").report(error)
        return FINDINGS
    except NudgerError as error:
        _say(str(error))
        return error.exit_code if isinstance(error, JournalError) else USAGE
    except OSError as error:
        _say(f"{error.filename or 'a file'} cannot be used: {error.strerror or error}")
        return UNAVAILABLE
    except Exception as fault:
        return _fault(fault, debug=args.debug)


def _print_anything() -> None:
    """Let no letter that a terminal lacks, or a file name that is no text, end a run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(code: int) -> int:
    """Find out now, not at exit, whether anybody still reads what was printed."""
    sys.stdout.flush()
    return code


def _say(text: str) -> None:
    print(f"nudger: {text}", file=sys.stderr)


def _silence() -> None:
    """Let what is left in standard output's buffer go nowhere; else the interpreter complains at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


# --- a fault of nudger itself ------------------------------------------------------------------------


def _fault(fault: Exception, *, debug: bool) -> int:
    """Say in one line that nudger failed; the details go to the log if somebody asked for it."""
    if debug:
        importlib.import_module("structlog").get_logger().error("nudger.failed", exc_info=fault)
    details = "the log above has the details" if debug else "--debug logs the details"
    what = f"{type(fault).__name__}: {' '.join(str(fault).split())[:200]}"
    _say(f"this is a fault of nudger itself: {what} ({details}). Please report it: {_report_to()}")
    return FAULT


def _report_to() -> str:
    """Return where a fault is reported: the address in the package's description, else the README."""
    metadata = importlib.import_module("importlib.metadata")
    try:
        urls = metadata.metadata("nudger").get_all("Project-URL") or []
    except metadata.PackageNotFoundError:
        urls = []
    named = {label.strip().casefold(): address.strip() for label, _, address in (url.partition(",") for url in urls)}
    return str(named.get("issues", "README.md says where"))


def _log_to_stderr(*, debug: bool) -> None:
    """Send logs to standard error: for people on a terminal, else as JSON; warnings only, unless *debug*."""
    structlog = importlib.import_module("structlog")
    terminal = sys.stderr.isatty()
    show: Any = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([show] if terminal else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info" if debug else "warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


# --- arguments -----------------------------------------------------------------------------------------


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help in 100 columns, with each option's text beside it."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=100)


class _Version(argparse.Action):
    """Prints the version; looked up only when asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, dest=argparse.SUPPRESS, nargs=0, help=options.get("help"))

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        metadata = importlib.import_module("importlib.metadata")
        try:
            version = metadata.version("nudger")
        except metadata.PackageNotFoundError:
            version = "(not installed)"
        print(f"nudger {version}")
        parser.exit()


def _instant(text: str) -> str:
    """Return an argument's time in RFC 3339; a date stands for its first moment in UTC."""
    whole = f"{text}T00:00:00Z" if len(text) == len("2026-03-02") else text
    times = importlib.import_module("nudger.intake.moment").Times()
    try:
        times.read(whole)
    except NudgerError:
        raise argparse.ArgumentTypeError(f"'{text}' is no time; write 2026-03-02 or 2026-03-02T10:00:00Z") from None
    return whole


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="nudger",
        description=_ABOUT,
        epilog=_START,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action=_Version, help="print the version")
    _common(parser, directory=".", debug=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _check(_command(commands, "check", "Read rules, templates and settings, and say what is wrong with them.", _CHECK))
    _test(_command(commands, "test", "Run the tests beside the rules, with a clock of their own.", _TEST))
    _run_options(_command(commands, "run", "Read events, write a message for each nudge, and show the board.", _RUN))
    _preview(_command(commands, "preview", "Make a rule's mail for one account, and send nothing.", _PREVIEW))
    _explain(_command(commands, "explain", "Say why an account got a nudge, or none; or what a code means.", _EXPLAIN))
    return parser


def _command(commands: Any, name: str, about: str, examples: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=about,
        epilog=examples,
        formatter_class=_Help,
        allow_abbrev=False,
    )
    _common(parser, directory=argparse.SUPPRESS, debug=argparse.SUPPRESS)
    return parser


def _common(parser: argparse.ArgumentParser, *, directory: str, debug: bool | str) -> None:
    """Add what may stand before and after the command."""
    parser.add_argument(
        "-C", dest="directory", metavar="DIR", default=directory, help="the project's folder (default: here)"
    )
    parser.add_argument("--debug", action="store_true", default=debug, help="log more, to standard error")


_CHECK: Final = """\
example:
  nudger check                     every problem with its line, and what to do about it
  nudger check --format github     as annotations of a pull request
"""


def _check(parser: argparse.ArgumentParser) -> None:
    formats = ("full", "concise", "json", "github")
    parser.add_argument("--format", choices=formats, default="full", help="how problems are shown (default: full)")
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    parser.add_argument("--strict", action="store_true", help="exit 1 for advice too, not only for errors")


_TEST: Final = """\
example:
  nudger test                      all tests
  nudger test payg-to-scale        those with this in their name, or about this rule
"""


def _test(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of a test's name, or a rule")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")


_RUN: Final = """\
example:
  nudger run --events month.ndjson                       once, to the end of the file
  nudger run --events month.ndjson --mails mails         and each mail as a file to look at
  nudger run --events history.ndjson --backfill          build the state, send nothing
  nudger run --events events.ndjson --follow             go on as the file grows, by the real clock
  billing-export | nudger run --accounts accounts.csv    events from a pipe

Each event counts once and each nudge is written once, however often you start the same command: it goes on
where it ended. Files named here are looked for where you are, not where -C points.
"""


def _run_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--events",
        metavar="FILE",
        action="append",
        help="events, one JSON object a line; - for standard input; may be given several times",
    )
    add("--accounts", metavar="FILE", help="what is known of each account: CSV, or one JSON object a line")
    add("--out", metavar="FILE", help="where messages go; - for standard output (default: .nudger/messages.ndjson)")
    add(
        "--state",
        metavar="FILE",
        help="what has been counted and sent (default: .nudger/state.db); another one needs another --out and "
        "--dead-letters",
    )
    add("--dead-letters", metavar="FILE", help="records set aside (default: .nudger/dead-letters.ndjson)")
    add("--backfill", action="store_true", help="build the state from history, in an empty state; send nothing")
    add("--clock", choices=("events", "wall"), help="what time it is: the events' (default), or the wall's (--follow)")
    add("--until", metavar="TIME", type=_instant, help="at the end let time pass until then: 2026-04-01, or RFC 3339")
    add("--follow", action="store_true", help="go on as the files grow, until you stop it")
    add("--mails", metavar="DIR", help="write the HTML of each message that this folder lacks into it")
    add("--json", action="store_true", help="the board as one JSON object")
    add("--strict", action="store_true", help="exit 1 if a record was set aside, or `nudger check` has advice")


_PREVIEW: Final = """\
example:
  nudger preview payg-to-scale                        for the account of the rule's first test
  nudger preview payg-to-scale --account gorilla      for a real account, as the state knows it
  nudger preview asked-for-more --account gorilla --event '{"data": {"text": "more seats?"}}'
"""


def _preview(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("rule", metavar="RULE", help="the rule whose mail it is; drafts too")
    add("--account", metavar="ID", help="an account of the state")
    add("--state", metavar="FILE", help="the state that knows it (default: .nudger/state.db)")
    add("--event", metavar="JSON", help="the event that the rule is about, for rules with a trigger")
    add("--out", metavar="DIR", help="the folder for the HTML and the text (default: .nudger/preview)")
    add("--json", action="store_true", help="one JSON object instead of text")


_EXPLAIN: Final = """\
example:
  nudger explain gorilla                   every rule's answer for this account, with the numbers
  nudger explain gorilla payg-to-scale     one rule, stage by stage
  nudger explain N102                      what a code of `nudger check` means
  nudger explain capped                    what a verdict means
"""


def _explain(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("account", metavar="ACCOUNT|CODE", help="an account of the state; or a code such as N102, or a verdict")
    add("rule", metavar="RULE", nargs="?", help="only this rule")
    add("--state", metavar="FILE", help="the state that knows it (default: .nudger/state.db)")
    add("--at", metavar="TIME", type=_instant, help="as of then, if that is later than the state's clock")
    add("--json", action="store_true", help="one JSON object instead of text")


if __name__ == "__main__":
    sys.exit(main())
