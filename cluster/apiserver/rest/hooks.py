"""Webhooks over HTTPS: one POST of a question, one answer, within its time.

Touches the real world: sockets and certificates. Must not know what an answer means: see admission/webhooks.py.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from typing import Any

import aiohttp
import orjson

from cluster.apiserver.admission.webhooks import Place

MOST_BYTES = 3 << 20
"""Of an answer."""


class Hooks:
    """`call` is `admitting.Caller`. Connections are kept between calls, by whose certificates are trusted."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._trusted: dict[bytes, ssl.SSLContext] = {}

    async def call(self, place: Place, body: Any, seconds: float) -> Any:
        """ValueError that says why there is no answer."""
        url = place.url
        asked = f'failed to call webhook: Post "{url}": '
        options: dict[str, Any] = {}
        if place.address[1]:
            scheme, _, rest = url.partition("://")
            path = rest.partition("/")[2]
            host, port = place.address
            url = f"{scheme}://{host}:{port}/{path}"
            options = {"server_hostname": place.name, "headers": {"Host": place.name}}
        headers = {"Content-Type": "application/json", "Accept": "application/json", **options.pop("headers", {})}
        try:
            return await self._post(url, orjson.dumps(body), seconds, (self._context(place.ca), headers, options))
        except TimeoutError:
            raise ValueError(f"{asked}context deadline exceeded") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ValueError(asked + _words(error)) from None

    async def _post(self, url: str, data: bytes, seconds: float, how: tuple[ssl.SSLContext, Any, Any]) -> Any:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(auto_decompress=True)
        context, headers, options = how
        async with (
            asyncio.timeout(seconds),
            self._session.post(
                url, data=data, headers=headers, ssl=context, allow_redirects=False, **options
            ) as response,
        ):
            if response.status != 200:
                text = (await response.content.read(300)).decode(errors="replace")
                raise ValueError(f"the server answered {response.status}: {' '.join(text.split())}")
            parts, size = [], 0
            async for part in response.content.iter_any():
                size += len(part)
                if size > MOST_BYTES:
                    raise ValueError(f"the answer has more than {MOST_BYTES} bytes")
                parts.append(part)
        try:
            return orjson.loads(b"".join(parts))
        except orjson.JSONDecodeError as error:
            raise ValueError(f"the answer is no JSON: {error}") from None

    def _context(self, ca: bytes) -> ssl.SSLContext:
        found = self._trusted.get(ca)
        if found is None:
            try:
                found = ssl.create_default_context(cadata=ca.decode() if ca else None)
            except (ssl.SSLError, UnicodeDecodeError, ValueError):
                raise ValueError("unable to load root certificates: unable to parse bytes as PEM block") from None
            self._trusted[ca] = found
        return found

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"tls: failed to verify certificate: x509: {error.certificate_error}"
    if isinstance(error, aiohttp.ClientConnectorError):
        number = error.os_error.errno
        why = os.strerror(number) if number else str(error.os_error)
        return f"dial tcp {error.host}:{error.port}: connect: {why.lower()}"
    return " ".join(str(error).split()) or type(error).__name__
