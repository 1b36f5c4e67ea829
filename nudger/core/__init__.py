"""The pure core: (account state, event, rule book, clock) in, (new state, decisions) out.

Standard library and msgspec only: no clock, no I/O, no logging, no randomness. Times are milliseconds since 1970 UTC
(`int`), money is `Decimal`. Whatever the core needs it is given, so that a replay gives the same bytes.
"""
