"""A TLS handshake that is refused, and says so: the client gets the alert with the reason before it is hung up on.

Must not know whom to refuse: that is the context's. asyncio and uvloop hang up as soon as a handshake fails, with the
alert that OpenSSL has written ("certificate expired", "unknown ca") still in hand.
"""

from __future__ import annotations

import ssl

MOST_MORE = 16
"""Pieces that a refused client may still send (its first request, mostly) before it is hung up on whatever it does."""


class Refusing(ssl.SSLObject):
    """For `SSLContext.sslobject_class`. What is refused wants to read, until the client goes: who asks for the
    handshake sends what is to be sent meanwhile. A client that stays ends with the time of its handshake."""

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
        elif self._more == MOST_MORE:
            raise self._refusal
        else:
            self._more += 1
        raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, str(self._refusal))
