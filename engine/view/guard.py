"""Who may ask: this machine's own browser, with the token, from a page of ours.

The viewer listens on 127.0.0.1. That alone keeps nobody out who runs in the same browser: another page may send
requests to it, and may even point a name of its own at 127.0.0.1 (DNS rebinding). So each request must

- name a loopback host (`Host: localhost:8123`; any port, as a tunnel may use another one),
- have the token as the first part of its path, which only who started the viewer knows,
- if it changes anything, come from a page of the viewer itself (`Sec-Fetch-Site`, else `Origin`).

And each answer says that nothing is to be fetched from elsewhere, nothing framed, no address of ours told to others.
"""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_READS = frozenset({"GET", "HEAD"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class Guard:
    """An ASGI application in front of another: lets through what is allowed, under the path without the token."""

    def __init__(self, app: App, token: str) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        _, first, *rest = scope["path"].split("/", 2)
        refusal = self._refusal(scope["method"], headers, first)
        if refusal:
            await _refuse(send, refusal)
            return
        inner = {**scope, "root_path": f"/{first}", "path": f"/{first}/{rest[0] if rest else ''}"}

        async def answer(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *added]
            await send(message)

        await self._app(inner, receive, answer)

    def _refusal(self, method: str, headers: dict[str, str], token: str) -> str:
        """Why not; "" if it may pass."""
        if _hostname(headers.get("host", "")) not in LOOPBACK:
            return "The viewer answers on localhost only: open the address that `fld view` printed."
        if not hmac.compare_digest(token.encode(), self._token.encode()):
            return "The token is missing or wrong: open the address that `fld view` printed."
        if method not in _READS and not _same_origin(headers):
            return "Changes are accepted from pages of the viewer only."
        return ""


def _hostname(host: str) -> str | None:
    """The name before the port; None where it is no name."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _same_origin(headers: dict[str, str]) -> bool:
    """A browser says where a request comes from; who sends neither header is no browser, and knows the token."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


async def _refuse(send: Send, reason: str) -> None:
    body = reason.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    added = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    await send({"type": "http.response.start", "status": 403, "headers": [*headers, *added]})
    await send({"type": "http.response.body", "body": body})
