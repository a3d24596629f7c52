"""The page's address: it tells what is shown, so that a view can be shared; a new session follows it."""

from typing import Any
from urllib.parse import parse_qsl, urlencode

import panel as pn

from dashboard.figure_state import ADDRESS, LensState


def follow(state: LensState) -> None:
    """Set the filters from the address of a new session, and keep the address in step with them.

    Only what differs from the default is written, and what the address says besides (page, theme) stays. Not
    Panel's own ``sync``: that writes every parameter, and reads "1" as a number where a name is meant.
    """
    location = pn.state.location
    if location is None:
        return
    state.filters.from_query(dict(parse_qsl(location.search.removeprefix("?"))))
    ours = set(ADDRESS.values())

    def write(*_: Any) -> None:
        others = [item for item in parse_qsl(location.search.removeprefix("?")) if item[0] not in ours]
        location.search = "?" + urlencode([*others, *state.filters.to_query().items()])

    state.filters.param.watch(write, list(ADDRESS))
