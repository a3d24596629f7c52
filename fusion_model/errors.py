"""The base of every named error of Expression Lens.

Catch `ExpressionLensError` where a person is told what went wrong; let anything else be the bug that it is.
"""


class ExpressionLensError(Exception):
    """An expected failure; ``str(error)`` is one sentence that the user can act on."""
