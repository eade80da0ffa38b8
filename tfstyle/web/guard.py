"""Keeps other sites, and other users of the machine, out of the studio.

The server listens on 127.0.0.1 alone, but any page in the user's browser can
send requests there, and a name of its own can be made to lead there. So:

* `Host` must be 127.0.0.1 or localhost with the port;
* a request that changes something must come from the page's own origin;
* all requests need the token, which the printed address has; the page's start
  puts it into a cookie that other sites' requests do not carry.
"""

import hmac
import pathlib
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; connect-src 'self'; "
    "img-src 'self' blob:; media-src 'self' blob:; script-src 'self'; "
    "style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of all answers."""

_SAFE = ("GET", "HEAD")
_LENGTH = 24  # Bytes of the token, whose text is longer.
_ELSEWHERE = (
    "This came from another site. Copy the address that the program printed "
    "into the browser's address bar."
)
_REFUSED = (
    "This page needs the address that the program printed, with its token."
)


def token(folder: pathlib.Path) -> str:
    """Returns the token of a folder, which only its owner can read.

    It outlives the program, so that an open page finds the next one.
    """
    path = folder / "token"
    path.touch(0o600)
    if len(path.read_text()) < _LENGTH:  # New, or cut off.
        path.write_text(secrets.token_urlsafe(_LENGTH))
    return path.read_text()


class Guard:
    """Middleware that refuses what the page did not ask for.

    Args:
        port: Port of the server.
        token: Token of the page.
        once: Another one that opens the page a single time. Commands, such as
            that of the browser that is started, are read by all users.
    """

    def __init__(self, port: int, token: str, once: str = "") -> None:
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        if port == 80:
            self._hosts |= {"127.0.0.1", "localhost"}
        self._token, self._once = token, once
        # Cookies are shared by all ports of a host.
        self._cookie = f"tfstyle_studio_{port}"

    def middleware(self) -> Middleware:
        """Returns the middleware of the application."""

        @web.middleware
        async def guarded(
            request: web.Request, handler: Handler
        ) -> web.StreamResponse:
            self._check_source(request)
            if request.path == "/" and "token" in request.query:
                return self._begin(request)
            if not self._is_token(request.cookies.get(self._cookie, "")):
                raise web.HTTPForbidden(text=_REFUSED)
            return await handler(request)

        return guarded

    def _check_source(self, request: web.Request) -> None:
        if request.headers.get("Host", "").lower() not in self._hosts:
            raise web.HTTPForbidden(text="Wrong host.")
        origin = request.headers.get("Origin")
        own = {f"http://{host}" for host in self._hosts}
        wrong = origin not in own if origin else request.method not in _SAFE
        # Pages of other ports are the same site to cookies.
        fetched = request.headers.get("Sec-Fetch-Site", "none")
        if wrong or fetched not in ("same-origin", "none"):
            raise web.HTTPForbidden(text=_ELSEWHERE)

    def _begin(self, request: web.Request) -> web.StreamResponse:
        """Puts the token into a cookie, and drops it from the address."""
        given = request.query["token"]
        opened = self._once and _same(given, self._once)
        if request.method not in _SAFE or not (opened or self._is_token(given)):
            raise web.HTTPForbidden(text=_REFUSED)
        if opened:
            self._once = ""
        response = web.Response(status=303, headers={"Location": "/"})
        response.set_cookie(
            self._cookie,
            self._token,
            httponly=True,
            samesite="Strict",
            path="/",
        )
        return response

    def _is_token(self, given: str) -> bool:
        return _same(given, self._token)


def _same(given: str, token: str) -> bool:
    text = given.encode(errors="replace")
    return hmac.compare_digest(text, token.encode())


async def add_headers(
    request: web.Request, response: web.StreamResponse
) -> None:
    """Signal that adds `HEADERS` to an answer."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
