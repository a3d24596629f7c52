"""Cells of CSV files that no spreadsheet runs as a formula, whatever a file or a class is called.

References
----------
OWASP, "CSV injection".
"""

import re

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBER = re.compile(r"[+-][\d.,]+( ?%)?( points)?( \([+-]?[\d.,]+( to |–)[+-]?[\d.,]+\))?( points)?")


def cell(text: str) -> str:
    """The text, with a ' before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text
