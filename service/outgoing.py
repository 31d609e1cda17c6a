"""Requests to addresses that others named, without letting them reach into this network.

A name is resolved when the connection is made, every address it has is looked at, and the
connection goes to one of these very addresses: a name server that answers differently the next
time gains nothing. Redirects are not followed, proxies of the environment are not used, and no
more of a response is read than its headers.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpcore2

from service.exchange import Reply

TIMEOUT_S = 15.0
"""For the whole of a request, however slowly its parts come."""
_LONGEST_ERROR = 500

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Iterable[str]]
"""From host and port to addresses; raises OSError."""

_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# Addresses that hold an IPv4 address, of whatever network: 6to4 and Teredo. Those of NAT64 and the
# mapped ones lie outside of global unicast.
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))


class Refused(Exception):
    """The host has an address that messages are not sent to."""


class TooSlow(Exception):
    """The time for the request is up."""


def is_public(address: Address) -> bool:
    """Whether an address belongs to the internet, by the registries of IANA."""
    if address.version == 6 and (
        address not in _GLOBAL_UNICAST or any(address in net for net in _TUNNELS)
    ):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def resolve(host: str, port: int) -> list[str]:
    """Every address of a host, as the system orders them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as fault:
        raise OSError(f"{host!r} is no host name") from fault
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, kw_only=True)
class Sender:
    """Posts messages."""

    private: bool = False
    """Whether addresses that are not public are allowed."""
    timeout_s: float = TIMEOUT_S
    resolve: Resolve = resolve
    tls: ssl.SSLContext = field(default_factory=httpcore2.default_ssl_context)

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Post a body; what goes wrong is part of the reply."""
        begun = time.monotonic()
        status, retry_after, error = None, None, None
        try:
            status, retry_after = self._post(url, headers, body, begun + self.timeout_s)
        except Refused as fault:
            error = str(fault)
        except (TooSlow, httpcore2.TimeoutException):
            error = f"no answer within {self.timeout_s:g} s"
        except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as fault:
            error = f"no connection, or no HTTP: {fault}"[:_LONGEST_ERROR]
        took = round(1000 * (time.monotonic() - begun))
        return Reply(status=status, retry_after=retry_after, error=error, ms=took)

    def _post(
        self, url: str, headers: Mapping[str, str], body: bytes, until: float
    ) -> tuple[int, str | None]:
        parts = urlsplit(url)
        if parts.scheme != "https" and not self.private:
            raise Refused("the URL does not begin with https://")
        host = parts.hostname or ""
        target = httpcore2.URL(
            scheme=parts.scheme,
            host=host,
            port=parts.port,
            target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        )
        # Not `netloc`, which may hold a user; a literal IPv6 address needs its brackets.
        named = f"[{host}]" if ":" in host else host
        named += "" if parts.port is None else f":{parts.port}"
        backend = _Backend(self.resolve, self.private, until)
        with (
            httpcore2.HTTPConnection(
                target.origin, ssl_context=self.tls, network_backend=backend
            ) as connection,
            connection.stream(
                "POST", target, headers=[*headers.items(), ("Host", named)], content=body
            ) as response,
        ):
            given = {name.lower(): value for name, value in response.headers}
            retry_after = given.get(b"retry-after")
            return response.status, None if retry_after is None else retry_after.decode("latin-1")


class _Backend(httpcore2.NetworkBackend):
    """Connects to addresses that it has looked at, until a moment."""

    def __init__(self, resolve: Resolve, private: bool, until: float) -> None:
        self._resolve = resolve
        self._private = private
        self._until = until
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first address that takes one; or `Refused`."""
        addresses = list(dict.fromkeys(self._resolve(host, port)))
        for address in addresses:
            if not self._private and not is_public(ipaddress.ip_address(address)):
                raise Refused(f"{host} has the address {address}, which is not public")
        fault: Exception = OSError(f"{host} has no address")
        for address in addresses:
            try:
                stream = self._plain.connect_tcp(address, port, timeout=_left(self._until))
            except (httpcore2.NetworkError, httpcore2.TimeoutException) as failed:
                fault = failed
            else:
                return _Stream(stream, self._until)
        raise fault


class _Stream(httpcore2.NetworkStream):
    """A connection whose every step must end by the same moment."""

    def __init__(self, stream: httpcore2.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=_left(self._until))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=_left(self._until))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _left(self._until))
        return _Stream(stream, self._until)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TooSlow
    return left
