"""A TLS handshake that is refused, and says so: the client gets the alert with the reason before it is hung up on.

Must not know whom to refuse: that is the context's. asyncio and uvloop hang up as soon as a handshake fails, with the
alert that OpenSSL has written ("certificate expired", "unknown ca") still in hand. Who speaks HTTP without TLS is told
in HTTP, as by Kubernetes.
"""

from __future__ import annotations

import ssl
from typing import Any

MOST_MORE = 16
"""Pieces that a refused client may still send (its first request, mostly) before it is hung up on whatever it does."""
_WORDS = b"Client sent an HTTP request to an HTTPS server.\n"
_PLAIN = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(_WORDS), _WORDS)


class Refusing(ssl.SSLObject):
    """What is refused wants to read, until the client goes: who asks for the handshake sends what is to be sent
    meanwhile. A client that stays ends with the time of its handshake. `outgoing`: what is to be sent."""

    outgoing: ssl.MemoryBIO
    _refusal: ssl.SSLError | None = None
    _more = 0

    def do_handshake(self) -> None:
        """ssl.SSLError."""
        if self._refusal is None:
            try:
                return super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                self._refusal = error
                if error.reason == "HTTP_REQUEST":
                    self.outgoing.write(_PLAIN)
                if not self.outgoing.pending:
                    raise  # there is nothing to wait for
        elif self._more == MOST_MORE:
            raise self._refusal
        else:
            self._more += 1
        raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, str(self._refusal))


class RefusingContext(ssl.SSLContext):
    sslobject_class = Refusing

    def wrap_bio(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *rest: Any, **named: Any) -> ssl.SSLObject:
        made = super().wrap_bio(incoming, outgoing, *rest, **named)
        assert isinstance(made, Refusing)
        made.outgoing = outgoing
        return made
