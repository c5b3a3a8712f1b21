"""Who may talk to the served page: this machine's own browser, or who has the token. Knows HTTP headers, no routes.

Names in `Host` are checked because a foreign page can point its own name at 127.0.0.1 (DNS rebinding); `Origin` and
`Sec-Fetch-Site` because it can send forms there.
"""

import hmac
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "deposition"
SHORTEST_TOKEN = 16
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Guard:
    """ASGI middleware around `app`: refuses foreign names, foreign origins and, with a `token`, who does not have it.

    `names` are the values of `Host` that are answered, such as "127.0.0.1:8017".
    """

    app: "ASGIApp"
    names: frozenset[str]
    token: str = ""

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request, or hand it on with the headers of every response added."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(Request(scope))
        app = refusal if refusal is not None else self.app

        async def with_headers(message: "dict[str, object]") -> None:
            if message["type"] == "http.response.start":
                added = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *added]  # type: ignore[misc]
            await send(message)  # type: ignore[arg-type]

        await app(scope, receive, with_headers)  # type: ignore[arg-type]

    def _refusal(self, request: Request) -> Response | None:
        headers = request.headers
        if headers.get("host", "") not in self.names:
            return PlainTextResponse("This name is not served here.\n", 421)
        if not self._own(headers):
            return PlainTextResponse("Requests from other sites are refused.\n", 403)
        if self.token and not self._has_token(request):
            return PlainTextResponse("Open the address that the program printed: it holds the token.\n", 401)
        if self.token and "token" in request.query_params:
            answer = RedirectResponse("/", 303)
            answer.set_cookie(COOKIE, self.token, httponly=True, samesite="strict")
            return answer
        return None

    def _own(self, headers: Headers) -> bool:
        """Whether the request comes from a page of this server, or from no page at all."""
        origin = headers.get("origin")
        own = {f"http://{name}" for name in self.names}
        return (origin is None or origin in own) and headers.get("sec-fetch-site", "none") in ("none", "same-origin")

    def _has_token(self, request: Request) -> bool:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        offered = (request.query_params.get("token", ""), request.cookies.get(COOKIE, ""), bearer)
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in offered)
