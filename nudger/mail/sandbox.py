"""Compiling and rendering one part of a mail (HTML, text or subject) in a sandbox of our own on top of Jinja's.

Below the allow-list (`allow`) this is the second wall: no value's Python attribute is ever read (a dot is a key of a
plain dict), nothing can be called, there are no globals, and only values of plain kinds are shown. A key that is
absent and a key that is None are both *missing*: printing, comparing or looping over it fails the render; asking for
it with `{% if x %}` reads no.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from types import TracebackType
from typing import Any, ClassVar, Final, NoReturn, cast

from jinja2 import StrictUndefined, Template, Undefined, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context
from markupsafe import escape

from nudger.mail.formats import FILTERS, PLAIN_FILTERS, Format, FormatError, format_of, plain, unfit
from nudger.mail.problems import Place, RenderError
from nudger.mail.source import MAX_BYTES

LOOP_FIELDS: Final = frozenset({"index", "index0", "revindex", "first", "last", "length"})
MAX_STEPS: Final = 10_000
"""How many times all loops of one part may go round, together."""

KINDS: Final = frozenset({str, int, bool, Decimal, datetime, list, dict})
"""Exactly these may be values; of any other, not even its truth is asked for."""

_ENTRIES: Final = KINDS | {type(None)}

_WAVE: Final = 64
"""Pieces joined before their size is looked at, so that a part that is too large never stands in memory whole."""

_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SAFE_LINK = re.compile(r"https://[!-~]+\Z")


class Missing(StrictUndefined):
    """A value that is not there. Everything but asking for it fails; the error's message is the value's name alone."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)

    def __bool__(self) -> bool:  # type: ignore[override]  # the one question that has an answer
        return False


class Mail:
    """The data of one mail while one part is rendered: what generated code and filters get as their context.

    Attributes:
        parent: The mail's names and values.
        form: Currency, zone and language, for filters; reading it fails when the data has none.
        steps: How many more times the loops of this part may go round.
    """

    __slots__ = ("parent", "steps")

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.parent = values
        self.steps = MAX_STEPS

    def value(self, name: str) -> Any:
        """Return the value of a name for generated code; None when it is missing."""
        value = self.parent.get(name)
        if type(value) in KINDS or value is None:
            return value
        raise _foreign(name)

    @property
    def form(self) -> Format:
        """Return `_format`; raise FormatError when the data has none."""
        return format_of(self.parent.get("_format"))


def _foreign(name: str) -> FormatError:
    return FormatError(f"{name} is of a kind that mails do not take")


_COMMONS: Final = (
    "resolve = context.value",
    "missing = None",
    "undefined = environment.undefined",
    "key_of = environment.key_of",
    "show = environment.show",
    "if 0: yield None",
)


class _Code(CodeGenerator):
    """Jinja's code generator with three of its phrases changed.

    Names and keys are looked up without Jinja's context, an absent one and None being the same; and every shown value
    goes through the environment's `show`, which escapes and refuses, unless a filter has written it whose result
    holds figures and words of ours only.
    """

    def write_commons(self) -> None:
        """Write the lines that every function of generated code begins with."""
        for line in _COMMONS:
            self.writeline(line)

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802  # Jinja finds it by this name
        """Write `plan.name` as a look-up in a plain dict."""
        self.write("key_of(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r})")

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write("(" if isinstance(node, nodes.Filter) and node.name in PLAIN_FILTERS else "show(")

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write(")")


def _key_of(obj: Any, key: Any) -> Any:
    """Return a key of a plain dict, or a field of `loop`; never a Python attribute."""
    if type(obj) is dict:
        value = obj.get(key)
        if type(value) in KINDS:
            return value
        if value is None:
            return Missing(name=str(key))
        raise _foreign(key)
    if isinstance(obj, Undefined):
        return obj
    if type(obj) is LoopContext and key in LOOP_FIELDS:
        return getattr(obj, key)
    return Missing(name=str(key))


class _Sandbox(ImmutableSandboxedEnvironment):
    code_generator_class = _Code
    escapes: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__(undefined=Missing, autoescape=self.escapes, cache_size=0)
        self.globals = {}
        self.filters = {name: spec.function for name, spec in FILTERS.items()} | {"_each": _each, "_link": _link}
        self.tests = {"defined": _is_defined}

    key_of = staticmethod(_key_of)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Return what `key_of` returns; Jinja asks here where generated code does not."""
        return _key_of(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return an entry of a list by its number, or a key of a plain dict."""
        if type(obj) is list and type(argument) is int:
            return _key_of(dict(enumerate(obj)), argument)
        return _key_of(obj, argument)

    def call(*args: Any, **more: Any) -> NoReturn:
        """Refuse: templates call nothing."""
        raise SecurityError("templates call nothing")

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Return False: no Python attribute is read."""
        return False

    def is_safe_callable(self, obj: Any) -> bool:
        """Return False: nothing is called."""
        return False


class _HtmlSandbox(_Sandbox):
    escapes = True

    @staticmethod
    def show(value: Any) -> str:
        """Return *value* as HTML text, fit for a quoted attribute too."""
        kind = type(value)
        if kind is str:
            return escape(value if value.isprintable() else _UNSEEN.sub(" ", value))
        return str(value) if kind is int else _plain(value)


class _TextSandbox(_Sandbox):
    escapes = False

    @staticmethod
    def show(value: Any) -> str:
        """Return *value* as one line of text: a value can neither begin a line nor hide one."""
        kind = type(value)
        if kind is str:
            text: str = value
            return text if text.isprintable() else _UNSEEN.sub(" ", text)
        return str(value) if kind is int else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, Undefined):
        raise unfit(value, "{{ }}", "a value")
    return plain(value)


def _is_defined(value: Any) -> bool:
    return not isinstance(value, Undefined)


@pass_context
def _each(context: Mail, value: Any) -> list[Any]:
    """Return the list a loop walks over, and count its steps."""
    if type(value) is not list:
        raise unfit(value, "for", "a list")
    if not _ENTRIES.issuperset(map(type, value)):
        raise _foreign("an entry of a list")
    context.steps -= len(value)
    if context.steps < 0:
        raise FormatError(f"the loops of this template go round more than {MAX_STEPS:,} times")
    return value


def _link(value: Any) -> Any:
    """Return an engine's link if it is one; it goes into an href."""
    if isinstance(value, Undefined) or (type(value) is str and _SAFE_LINK.match(value)):
        return value
    raise FormatError("a link must be an https:// address")


HTML: Final = _HtmlSandbox()
TEXT: Final = _TextSandbox()


class Origin(tuple[Place, tuple[str, ...]]):
    """Where one {{ }} or {% %} stands, and the dotted names that it reads."""

    __slots__ = ()


class Part:
    """One compiled part. `origins[n - 1]` belongs to the nodes whose line number is n."""

    def __init__(self, sandbox: _Sandbox, body: Sequence[nodes.Node], origins: Sequence[Origin], name: str) -> None:
        tree = nodes.Template(list(body), lineno=1)
        tree.set_environment(sandbox)
        self._file = f"<mail {name}>"
        self._template = Template.from_code(sandbox, sandbox.compile(tree, name, self._file), {})
        self._root = self._template.root_render_func
        self._origins = tuple(origins)
        self._name = name

    def render(self, values: Mapping[str, Any]) -> str:
        """Return the part for one mail's data; raise RenderError when a value or the result cannot be used."""
        try:
            return _joined(self._root(cast(Any, Mail(values))))
        except Exception as error:
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> RenderError:
        line = _line_of(error.__traceback__, self._file)
        number = self._template.get_corresponding_lineno(line) if line else 0
        if not 1 <= number <= len(self._origins):
            return RenderError(f"{self._name}: {_in_words(error, ())}")
        (path, shown, _), names = self._origins[number - 1]
        return RenderError(f"{path}:{shown}: {_in_words(error, names)}")


def _joined(pieces: Any) -> str:
    """Return the pieces as one text of at most 256 kB in UTF-8."""
    waves, size = [], 0
    while wave := list(islice(pieces, _WAVE)):
        size += sum(map(len, wave))
        if size > MAX_BYTES:
            raise FormatError(f"the result is larger than {MAX_BYTES // 1024} kB")
        waves.append("".join(wave))
    text = waves[0] if len(waves) == 1 else "".join(waves)
    if not text.isascii() and len(text.encode()) > MAX_BYTES:
        raise FormatError(f"the result is larger than {MAX_BYTES // 1024} kB")
    return text


def _line_of(trace: TracebackType | None, file: str) -> int:
    """Return the line of generated code in which the error came up, 0 when it was elsewhere."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _in_words(error: Exception, names: tuple[str, ...]) -> str:
    """Say what went wrong without any value: only names, kinds and limits."""
    if isinstance(error, UndefinedError):
        key = str(error)
        if key.isdigit():
            return f"entry {key} of a list is missing ({', '.join(names)})"
        return f"{next((name for name in names if key in name.split('.')), key)} is missing"
    shown = f" ({', '.join(names)})" if names else ""
    if isinstance(error, FormatError):
        return f"{error}{shown}"
    if isinstance(error, UnicodeEncodeError):
        return "the result holds half a character (a lone surrogate) that cannot be written"
    if isinstance(error, TypeError):
        return f"values of two kinds cannot be compared{shown}"
    return f"a value cannot be used here: {type(error).__name__}{shown}"
