"""The wire between a page and the camera document in its frame: in memory, by a token, one session each.

The camera runs in a document of its own (``/camera`` in an iframe), because only the end of a document
releases the device for certain. The page and that document are two sessions of this server; a link joins
them. Its token is random and known to the page that asked alone.
"""

import base64
import binascii
import secrets
from collections.abc import Callable

JPEG_PREFIX = "data:image/jpeg;base64,"


class CameraLink:
    """Joins one page to one camera document.

    Parameters
    ----------
    on_ready : callable
        Called once, when the first frame shows that the camera works; that frame is thrown away.
    on_frame : callable
        Called with the JPEG bytes of a frame that the page asked for with :meth:`snap`.
    """

    def __init__(self, on_ready: Callable[[], None], on_frame: Callable[[bytes], None]) -> None:
        self.token = secrets.token_urlsafe(24)
        self.ready = False
        self.looked = False
        self._on_ready = on_ready
        self._on_frame = on_frame
        self._shutter: Callable[[], None] | None = None
        self._overlay: Callable[[str], None] | None = None
        self._hold: Callable[[bool], None] | None = None
        self._wanted = False

    def connect(
        self,
        shutter: Callable[[], None],
        overlay: Callable[[str], None] | None = None,
        hold: Callable[[bool], None] | None = None,
    ) -> None:
        """The camera document is there.

        Parameters
        ----------
        shutter : callable
            Makes it take one frame.
        overlay : callable, optional
            Draws SVG over the video; an empty text takes it away.
        hold : callable, optional
            Stops the video at its picture, or lets it go on.
        """
        self._shutter, self._overlay, self._hold = shutter, overlay, hold

    @property
    def silence(self) -> str:
        """What keeps the first frame away, as far as can be told from here; a stage of the camera.

        "unreached": the camera document has not come to this server. "barred": it has, but its script found
        no way to a camera, for then it sends pictures, empty ones. "silent": it sends these; the browser is
        asking, was told no, has no camera, or cannot get hold of it, and it tells none of these apart.
        """
        if self._shutter is None:
            return "unreached"
        return "silent" if self.looked else "barred"

    def draw(self, svg: str) -> None:
        """Show this over the video."""
        if self._overlay is not None:
            self._overlay(svg)

    def hold(self, still: bool) -> None:
        """Stop the video at its picture, or let it go on."""
        if self._hold is not None:
            self._hold(still)

    def snap(self) -> bool:
        """Ask for one frame; False while there is no camera to ask."""
        if self._shutter is None or not self.ready:
            return False
        self._wanted = True
        self._shutter()
        return True

    def receive(self, value: str) -> bool:
        """Take a value of the video widget; False when it held no frame.

        A frame that nobody asked for is dropped here, unread.
        """
        self.looked = True
        frame = decode_frame(value)
        if frame is None:
            return False
        if not self.ready:
            self.ready = True
            self._on_ready()
        elif self._wanted:
            self._wanted = False
            self._on_frame(frame)
        return True


def decode_frame(value: str) -> bytes | None:
    """JPEG bytes of a video widget's value; None for an empty one (no picture yet) or a damaged one."""
    if not value.startswith(JPEG_PREFIX):
        return None
    try:
        return base64.b64decode(value[len(JPEG_PREFIX) :], validate=True) or None
    except binascii.Error:
        return None


class CameraDesk:
    """All links of the server, by token."""

    def __init__(self) -> None:
        self._links: dict[str, CameraLink] = {}

    def __len__(self) -> int:
        return len(self._links)

    def open(self, on_ready: Callable[[], None], on_frame: Callable[[bytes], None]) -> CameraLink:
        """A new link with a new token."""
        link = CameraLink(on_ready, on_frame)
        self._links[link.token] = link
        return link

    def find(self, token: str) -> CameraLink | None:
        """The link of a token, or None."""
        return self._links.get(token)

    def close(self, token: str) -> None:
        """Forget a link; its token opens nothing any more."""
        self._links.pop(token, None)


def camera_is_possible(protocol: str, hostname: str) -> bool:
    """Whether browsers give a camera to pages from there: over https, or from this computer itself."""
    local = hostname in {"localhost", "127.0.0.1", "[::1]", "::1"} or hostname.endswith(".localhost")
    return protocol == "https:" or local
