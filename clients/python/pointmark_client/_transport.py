"""Sends calls and waits between attempts, with threads or with asyncio."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from itertools import count
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import httpx2

from pointmark_client._core import Operation, Outcome, Retry, request, result

T = TypeVar("T")
Http = TypeVar("Http", httpx2.Client, httpx2.AsyncClient)

VERSION = "0.1.0"
CONNECT_WITHIN_S = 5.0


class _Caller(Generic[Http]):
    """What both kinds of senders have."""

    def __init__(self, url: str, token: str, retry: Retry, timeout_s: float, http: Http) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"{url!r}: the address must begin with http:// or https://")
        if not token.isascii() or not token.isprintable() or not token.strip():
            raise ValueError("the key or token is empty or has characters that none has")
        self._url = url.rstrip("/")
        self._retry = retry
        self._http: Http = http
        self._timeout = httpx2.Timeout(timeout_s, connect=min(timeout_s, CONNECT_WITHIN_S))
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/json",
            "User-Agent": f"pointmark-client/{VERSION}",
        }

    def _built(self, operation: Operation[Any], parts: Any, more: Any) -> httpx2.Request:
        made = request(operation, parts, **more)
        made["url"] = self._url + made["url"]
        made["headers"] |= self._headers
        # mypy knows no common method of the two kinds of clients.
        built: httpx2.Request = self._http.build_request(**made, timeout=self._timeout)
        return built


class Sender(_Caller[httpx2.Client]):
    """Sends calls, one at a time in each thread."""

    def __init__(
        self,
        url: str,
        token: str,
        /,
        *,
        retry: Retry | None = None,
        timeout_s: float = 30.0,
        http: httpx2.Client | None = None,
    ) -> None:
        """`timeout_s` is for each attempt; `http` brings a proxy or certificates of one's own."""
        super().__init__(url, token, retry or Retry(), timeout_s, http or httpx2.Client())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _do(self, operation: Operation[T], *parts: str | int, **more: Any) -> T:
        sent = self._built(operation, parts, more)
        for made in count(1):
            outcome: Outcome
            try:
                outcome = self._http.send(sent)
            except httpx2.RequestError as fault:
                outcome = fault
            pause = self._retry.pause(operation, made, outcome)
            if pause is None:
                break
            time.sleep(pause)
        return result(operation, made, outcome)

    def _all(
        self, fetch: Callable[..., Any], *parts: str, query: Mapping[str, Any]
    ) -> Iterator[Any]:
        asked = dict(query)
        while True:
            page = fetch(*parts, **asked)
            yield from page["data"]
            if not page["has_more"]:
                return
            asked["cursor"] = page["next_cursor"]


class AsyncSender(_Caller[httpx2.AsyncClient]):
    """Sends calls in an event loop."""

    def __init__(
        self,
        url: str,
        token: str,
        /,
        *,
        retry: Retry | None = None,
        timeout_s: float = 30.0,
        http: httpx2.AsyncClient | None = None,
    ) -> None:
        """`timeout_s` is for each attempt; `http` brings a proxy or certificates of one's own."""
        super().__init__(url, token, retry or Retry(), timeout_s, http or httpx2.AsyncClient())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _do(self, operation: Operation[T], *parts: str | int, **more: Any) -> T:
        sent = self._built(operation, parts, more)
        for made in count(1):
            outcome: Outcome
            try:
                outcome = await self._http.send(sent)
            except httpx2.RequestError as fault:
                outcome = fault
            pause = self._retry.pause(operation, made, outcome)
            if pause is None:
                break
            await asyncio.sleep(pause)
        return result(operation, made, outcome)

    async def _all(
        self, fetch: Callable[..., Awaitable[Any]], *parts: str, query: Mapping[str, Any]
    ) -> AsyncIterator[Any]:
        asked = dict(query)
        while True:
            page = await fetch(*parts, **asked)
            for item in page["data"]:
                yield item
            if not page["has_more"]:
                return
            asked["cursor"] = page["next_cursor"]
