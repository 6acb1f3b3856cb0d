"""What becomes of the connections that a socket accepts, by what ZeroMQ tells of them: who was never heard. Pure.

Must not know sockets. ZeroMQ tells of an accepted connection and of its end with its descriptor, of a greeting that
succeeded or failed without. One thread tells all of it, so a failure is followed by the end of its connection. A peer
that is no ZeroMQ at all fails without a word: it is one that ends while nobody who was accepted with it has been heard.
Where that is not certain nobody is accused, so a few are missed when many come at once.
"""

from __future__ import annotations

from errno import EAGAIN

GONE = "it went before it had shown a key"
SILENT = "it said nothing"
NO_KEY = "it has no key"
BAD = "its greeting is not one of a process that knows this one's key"
GARBAGE = "it does not speak ZeroMQ's protocol"

NOBODY = "?"
"""Who went so fast that nobody saw its address."""

MECHANISM_MISMATCH = 0x11000002
"""ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH"""


class Greetings:
    def __init__(self) -> None:
        self._open: dict[int, str] = {}
        """Descriptor -> peer, of those of whom it is not known that they are heard."""
        self._heard = 0
        """How many of `_open` are."""
        self._failure = ""

    def accepted(self, fd: int, peer: str) -> None:
        self._open[fd] = peer
        self._failure = ""

    def succeeded(self) -> None:
        self._heard += 1
        self._settle()

    def failed(self, why: str) -> None:
        """`why` is told when its connection ends; "" when there is nothing to tell."""
        self._failure = why or " "

    def ended(self, fd: int) -> tuple[str, str] | None:
        """(peer, why it was not heard), or None."""
        failure, self._failure = self._failure, ""
        peer = self._open.pop(fd, None)
        found = None
        if failure:
            found = (peer or NOBODY, failure) if failure.strip() else None
        elif peer is not None and not self._heard:
            found = (peer, GARBAGE)
        self._settle()
        return found

    def _settle(self) -> None:
        if self._heard >= len(self._open):
            self._open.clear()
            self._heard = 0


def why_undetailed(number: int) -> str:
    """`number`: an errno."""
    return SILENT if number == EAGAIN else GONE


def why_protocol(code: int) -> str:
    return NO_KEY if code == MECHANISM_MISMATCH else BAD
