"""The HTTP API: routes, shapes, problems. Nothing here decides what Pointmark does, only how it is
asked and told.

`parsing`, `schemas`, `views` and `rubrics` know no Flask: the command line reads and writes the
same JSON with them.
"""
