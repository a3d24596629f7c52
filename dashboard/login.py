"""An optional login: ``python -m dashboard --login FILE``, for pages, websockets and the HTTP interface.

The file has a line ``NAME:HASH`` a person; ``python -m dashboard.login NAME`` asks for a password and prints
such a line. Browsers get a form and a signed cookie, programs send the name and the password as HTTP's basic
authentication. For accounts of an organisation, a proxy that knows them (docs/serving.md) is the better way.

References
----------
RFC 7914, scrypt, with the cost that OWASP's "Password storage cheat sheet" asks for; RFC 7617, basic
authentication.
"""

import asyncio
import base64
import binascii
import getpass
import hashlib
import hmac
import secrets
import sys
from html import escape
from http import HTTPStatus
from pathlib import Path

from bokeh.server.auth_provider import AuthProvider
from tornado.web import RequestHandler

from fusion_model.errors import ExpressionLensError

COST = {"n": 2**14, "r": 8, "p": 1, "maxmem": 2**26, "dklen": 32}
COOKIE, COOKIE_DAYS = "expression_lens_user", 1.0
WRONG_S = 1.0  # an answer to a wrong password comes so late
WRONG = "That name and password do not belong together."
REALM = 'Basic realm="Expression Lens", charset="UTF-8"'
FORM = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Expression Lens: log in</title>
<style>body {{ font-family: sans-serif; max-width: 20rem; margin: 15vh auto; padding: 0 1rem }}
label, input, button {{ display: block; width: 100%; box-sizing: border-box; font: inherit }}
input, button {{ margin: .3rem 0 1rem; padding: .6rem }}</style></head>
<body><h1>Expression Lens</h1><p role="alert">{said}</p><form method="post">
<label for="name">Name</label><input id="name" name="name" autocomplete="username" required>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Log in</button></form></body></html>"""


class LoginError(ExpressionLensError):
    """The file of names and passwords cannot be used."""


class Users:
    """Who may log in.

    Parameters
    ----------
    path : Path
        Of the file; read once.

    Raises
    ------
    LoginError
        For a file that is not there, or has a line that is none of ours.
    """

    def __init__(self, path: Path) -> None:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise LoginError(f"{path} cannot be read: write it with python -m dashboard.login.") from error
        self._hashes = {}
        for number, line in enumerate(lines, 1):
            if line.strip():
                name, _, hashed = line.strip().rpartition(":")
                if not name or not _parts(hashed):
                    raise LoginError(
                        f"{path}, line {number}: expected NAME:HASH as python -m dashboard.login prints."
                    )
                self._hashes[name] = hashed
        if not self._hashes:
            raise LoginError(f"{path} names nobody: add a line with python -m dashboard.login NAME.")
        self._nobody = hashed_password(secrets.token_urlsafe())
        self._known: set[bytes] = set()
        self._salt = secrets.token_bytes(16)

    def knows(self, name: str) -> bool:
        """Whether there is such a person."""
        return name in self._hashes

    def admit(self, name: str, password: str) -> bool:
        """Whether name and password belong together. Takes as long for names that are not known."""
        hashed = self._hashes.get(name)
        return is_password(password, hashed or self._nobody) and hashed is not None

    async def admit_header(self, header: str) -> str | None:
        """The name in a header of basic authentication, if its password is right; else None.

        What was right once is known by its digest: programs send it with every picture.
        """
        name, password = _basic(header)
        digest = hashlib.blake2b(f"{name}\n{password}".encode(), key=self._salt).digest()
        if digest in self._known:
            return name
        if await asyncio.to_thread(self.admit, name, password):
            self._known.add(digest)
            return name
        await asyncio.sleep(WRONG_S)
        return None


class Login(AuthProvider):
    """Tells Bokeh's server who asks, by the cookie that the form gives.

    Parameters
    ----------
    users : Users
        Who may log in.
    """

    def __init__(self, users: Users) -> None:
        self._users = users
        super().__init__()

    @property
    def get_user(self):  # type: ignore[no-untyped-def]  # Bokeh's own declaration has no type that fits
        """A function of a request handler."""
        return self.user

    @property
    def login_url(self) -> str:
        """Where the form is."""
        return "/login"

    @property
    def login_handler(self) -> type[RequestHandler]:
        """The form."""
        return type("Form", (LoginForm,), {"users": self._users})

    @property
    def logout_url(self) -> str:
        """Where the cookie is taken back."""
        return "/logout"

    @property
    def logout_handler(self) -> type[RequestHandler]:
        """Takes it back."""
        return Logout

    def user(self, handler: RequestHandler) -> str | None:
        """The name in a request's cookie; None without one, or where it is forged, old, or struck off."""
        cookie = handler.get_signed_cookie(COOKIE, max_age_days=COOKIE_DAYS)
        name = cookie.decode() if cookie else ""
        return name if self._users.knows(name) else None

    async def admitted(self, handler: RequestHandler) -> str | None:
        """The same for programs, which may send name and password instead."""
        if name := self.user(handler):
            return name
        header = handler.request.headers.get("Authorization", "")
        return await self._users.admit_header(header) if header else None


class LoginForm(RequestHandler):
    """Name and password, and back to the page."""

    users: Users

    def get(self) -> None:
        """The form."""
        self._form("")

    async def post(self) -> None:
        """A cookie, or the form again after a while."""
        name, password = self.get_body_argument("name", ""), self.get_body_argument("password", "")
        if not await asyncio.to_thread(self.users.admit, name, password):
            await asyncio.sleep(WRONG_S)
            self.set_status(HTTPStatus.UNAUTHORIZED)
            self._form(WRONG)
            return
        self.set_signed_cookie(
            COOKIE,
            name,
            expires_days=COOKIE_DAYS,
            httponly=True,
            samesite="Strict",
            secure=self.request.protocol == "https",
        )
        self.redirect("./")  # beside the form: under whatever prefix the server is reached

    def _form(self, said: str) -> None:
        self.set_header("Cache-Control", "no-store")
        self.finish(FORM.format(said=escape(said)))


class Logout(RequestHandler):
    """Takes the cookie back."""

    def get(self) -> None:
        """To the form."""
        self.clear_cookie(COOKIE)
        self.redirect("./login")


def hashed_password(password: str) -> str:
    """The salted hash to keep of a password."""
    salt = secrets.token_bytes(16)
    return f"scrypt${salt.hex()}${_scrypt(password, salt).hex()}"


def is_password(password: str, hashed: str) -> bool:
    """Whether this password has that hash."""
    salt, told = _parts(hashed) or (b"", b"")
    return hmac.compare_digest(_scrypt(password, salt), told)


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode()[:1024], salt=salt, **COST)


def _parts(hashed: str) -> tuple[bytes, bytes] | None:
    kind, _, rest = hashed.partition("$")
    try:
        salt, told = map(bytes.fromhex, rest.split("$"))
    except ValueError:
        return None
    return (salt, told) if kind == "scrypt" and len(told) == COST["dklen"] else None


def _basic(header: str) -> tuple[str, str]:
    kind, _, told = header.partition(" ")
    try:
        text = base64.b64decode(told, validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        text = ""
    name, _, password = text.partition(":")
    return name, password


def main(arguments: list[str]) -> int:
    """Print the line for a person, whose password is asked for, or read where there is no terminal."""
    if len(arguments) != 1 or not arguments[0] or ":" in arguments[0] or arguments[0].startswith("-"):
        print("usage: python -m dashboard.login NAME >> FILE", file=sys.stderr)
        return 2
    asked = sys.stdin.isatty()
    password = getpass.getpass("Password: ") if asked else sys.stdin.readline().rstrip("\n")
    if len(password) < 8:
        print("The password needs at least 8 characters.", file=sys.stderr)
        return 1
    print(f"{arguments[0]}:{hashed_password(password)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
