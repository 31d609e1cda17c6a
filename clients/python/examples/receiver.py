"""A receiver of webhooks, with the standard library alone.

    POINTMARK_WEBHOOK_SECRET=whsec_… python receiver.py

What matters in any framework: check the bytes as they came, before reading them; answer soon, and
do long work afterwards; drop what came before, because deliveries are repeated until one is
answered.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from pointmark_client import webhooks

LONGEST = 1_048_576
"""Bytes of a body."""
REMEMBERED = 10_000
"""Ids of deliveries. With several processes, keep them in the database, under a unique key."""


def make_receiver(host: str, port: int, secret: str, handle: Callable[[Any], object]) -> HTTPServer:
    """A server that gives each delivery to `handle` once."""
    known: OrderedDict[str, None] = OrderedDict()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isdecimal() or int(length) > LONGEST:
                self.answer(413)
                return
            body = self.rfile.read(int(length))
            try:
                delivery = webhooks.verify(dict(self.headers), body, secret)
            except webhooks.InvalidWebhook as fault:
                self.log_error("refused: %s", fault)
                self.answer(400)
                return
            if delivery.id not in known:
                handle(delivery.payload)
                known[delivery.id] = None
                if len(known) > REMEMBERED:
                    known.popitem(last=False)
            self.answer(204)

        def answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

    return HTTPServer((host, port), Receiver)


if __name__ == "__main__":
    make_receiver("127.0.0.1", 8001, os.environ["POINTMARK_WEBHOOK_SECRET"], print).serve_forever()
