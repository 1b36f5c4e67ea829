"""What a rule book is put together from: checked expressions with their constants, in one namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from nudger.core.catalog import Catalog
from nudger.core.rule import Expression
from nudger.language.checker import Checker
from nudger.language.compile import HELPERS, expression, function
from nudger.language.files import Loc, Source
from nudger.language.grammar import parse
from nudger.language.report import suggest
from nudger.language.scope import Scope
from nudger.language.tokens import SyntaxProblem
from nudger.language.typed import Type, Typed


class Names:
    """The run-time names of one book, growing while it is compiled."""

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.namespace: dict[str, Any] = dict(HELPERS)

    def check(
        self, source: Source, loc: Loc, text: str, scope: Scope, expected: Type | None = None
    ) -> tuple[Typed, dict[str, Any]] | None:
        """Parse and check the expression at *loc*; None after its problem has been gathered."""
        checker = Checker(scope)
        try:
            return checker.check(parse(text), expected), checker.constants
        except SyntaxProblem as problem:
            source.add_within(problem, loc)
            return None

    def compile(
        self, source: Source, loc: Loc, text: str, scope: Scope, expected: Type | None = None, **local: Any
    ) -> Expression | None:
        """Return the compiled expression at *loc*; *local* are names that only this rule knows."""
        checked = self.check(source, loc, text, scope, expected)
        return None if checked is None else self.finish(*checked, **local)

    def finish(self, typed: Typed, constants: dict[str, Any], **local: Any) -> Expression:
        """Return the compiled expression of a checked one."""
        return expression(typed, constants, {**self.namespace, **local}, self.currency)

    def of_event(
        self, source: Source, loc: Loc, text: str | None, scope: Scope, expected: Type | None = None
    ) -> Callable[..., Any] | None:
        """Return a function of an event alone for an expression such as a `where`."""
        if text is None:
            return None
        checked = self.check(source, loc, text, scope, expected)
        if checked is None:
            return None
        typed, constants = checked
        return function(typed, constants, self.namespace, "e")

    def take_catalog(self, catalog: Catalog) -> None:
        """Let expressions read prices."""
        self.namespace.update(CAT=catalog, BILL=catalog.bill, PRICE=catalog.price, FOLLOWING=catalog.following)

    def define(self, name: str, typed: Typed, constants: dict[str, Any]) -> None:
        """Give a fact its function."""
        self.namespace[f"F_{name}"] = function(typed, constants, self.namespace)


def must_be_known(source: Source, loc: Loc, word: str, known: Iterable[str], what: str) -> bool:
    """Gather a problem unless *word* is one of *known*; tell whether it is."""
    names = list(known)
    if word in names:
        return True
    hint = suggest(word, names) or (f"there is {', '.join(names[:8])}" if names else f"this project has no {what}s")
    source.add("N102", f"unknown {what} '{word}'", loc, hint)
    return False
