"""Connections that send nothing, or very slowly: ended, so that they keep nobody else out."""

import asyncio
import ipaddress
from collections import Counter
from typing import Any, ClassVar

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEADERS_WAIT_S = 10.0
"""From the first moment of a connection, or the first byte of a further request, to the end of its headers."""
MOST_AN_ADDRESS = 400
"""Connections of one address at a time: a hall of people behind one router opens a few each."""

_Protocol: Any = AutoHTTPProtocol


class PatientProtocol(_Protocol):  # type: ignore[misc]  # uvicorn chooses the class at run time
    """uvicorn's protocol with a time limit for headers and a limit for each address but this machine's own.

    A proxy on this machine has one address for everybody, and limits of its own.
    """

    open_by_address: ClassVar[Counter[str]] = Counter()

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Count the connection, and begin to wait for its first request."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        self._headers_wait: asyncio.TimerHandle | None = None
        self.open_by_address[self._address] += 1
        if self.open_by_address[self._address] > MOST_AN_ADDRESS and not _is_own(self._address):
            transport.abort()
            return
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Take some bytes; the wait ends with the headers."""
        super().data_received(data)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()
        elif self._headers_wait is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the connection no more."""
        self._stop_waiting()
        self.open_by_address[self._address] -= 1
        if not self.open_by_address[self._address]:
            del self.open_by_address[self._address]
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._headers_wait = asyncio.get_running_loop().call_later(HEADERS_WAIT_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._headers_wait is not None:
            self._headers_wait.cancel()
            self._headers_wait = None


def _is_own(address: str) -> bool:
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:  # a socket of this machine's file system
        return True
