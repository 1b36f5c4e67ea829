"""The documentation's generated parts, and the tests that keep all of it true.

    python -m tests.docs.generate

`words` says in plain words what the code's tables mean, `tables` puts the two together, `pages` writes them between
marks into the pages, `contracts` makes the machine-readable contracts, `samples` checks the examples.
"""
