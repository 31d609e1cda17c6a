"""Benchmark over HTTP, beside the app people would write otherwise and the encoder's own ceiling.

`pointmark bench` runs it; `docs/benchmarks.md` says how to read the figures. Nothing in here is
part of the service, and no test depends on a figure of it.
"""
