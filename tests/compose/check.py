"""What a platform would do with the composed service, over its published port."""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from typing import Any

ANSWER = (
    "Most critical points in such high dimensions are saddle points and not local minima, because "
    "the Hessian would need only positive eigenvalues. SGD's noise leaves saddles, and the minima "
    "that it finds are about as good as the global one."
)
SLUG = "gradient-descent-local-optima"


class Caller:
    """A client with a key."""

    def __init__(self, base: str, key: str) -> None:
        self.base = base
        self.key = key
        self.open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def call(self, path: str, body: object = None) -> tuple[int, dict[str, str], Any]:
        """Status, headers and JSON of a call."""
        request = urllib.request.Request(
            self.base + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        try:
            with self.open(request, timeout=30) as answer:
                return answer.status, dict(answer.headers), json.load(answer)
        except urllib.error.HTTPError as refused:
            return refused.code, dict(refused.headers), json.load(refused)


def submit(caller: Caller, file: str) -> None:
    """Grade an answer, keep what came back."""
    body = {"candidate": "compose", "answer": ANSWER}
    status, _, attempt = caller.call(f"/v1/questions/{SLUG}/attempts", body)
    assert status == 201, (status, attempt)
    assert attempt["grade"]["score"] > 0, attempt["grade"]
    assert attempt["grade"]["points"], attempt["grade"]
    with open(file, "w", encoding="utf-8") as kept:
        json.dump(attempt, kept)
    print(f"  graded: {attempt['grade']['score']} of 100, {attempt['id']}", file=sys.stderr)


def again(caller: Caller, file: str) -> None:
    """The attempt is there and unchanged."""
    with open(file, encoding="utf-8") as kept:
        attempt = json.load(kept)
    status, _, found = caller.call(f"/v1/attempts/{attempt['id']}")
    assert status == 200, (status, found)
    assert found["answer"] == ANSWER
    assert found["grade"]["score"] == attempt["grade"]["score"]


def batch(caller: Caller) -> None:
    """The worker grades what is handed in."""
    item = {"question": SLUG, "candidate": "compose", "answer": ANSWER}
    status, headers, made = caller.call("/v1/batches", {"items": [item] * 3})
    assert status == 202, (status, made)
    deadline = time.monotonic() + 120
    while made["ended_at"] is None and time.monotonic() < deadline:
        time.sleep(0.25)
        made = caller.call(headers["Location"])[2]
    assert (made["status"], made["done"], made["failed"]) == ("finished", 3, 0), made


def refused(caller: Caller) -> None:
    """Without its database the service says so, and lives."""
    status, headers, problem = caller.call("/v1/questions")
    assert status == 503, (status, problem)
    assert int(headers["Retry-After"]) >= 1, headers
    assert caller.call("/readyz")[0] == 503


def wait_ready(caller: Caller) -> None:
    """Wait until the service is ready again."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if caller.call("/readyz")[0] == 200:
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.25)
    raise AssertionError("not ready after two minutes")


if __name__ == "__main__":
    actions = {
        "submit": submit,
        "again": again,
        "batch": batch,
        "refused": refused,
        "await": wait_ready,
    }
    actions[sys.argv[3]](Caller(sys.argv[1], sys.argv[2]), *sys.argv[4:])
