"""The two sample answers of a local run, graded over HTTP like anybody's, and shown."""

from __future__ import annotations

import hashlib
import json
import shlex
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

import click

from service.cli.explain import describe

SAMPLES: tuple[tuple[str, str], ...] = (
    (
        "gradient-descent-local-optima",
        "In a space with millions of parameters a real local minimum needs upward curvature in "
        "every direction, so most critical points are saddle points, and noise in SGD helps to "
        "leave them. The minima that are found are usually nearly as good as the global one.",
    ),
    (
        "activation-function-properties",
        "激活函数必须是非线性的，否则再多层也只相当于一个线性变换。它还要几乎处处可导，"
        "这样才能用反向传播算梯度。最好计算简单，并且不容易饱和，避免梯度消失。",
    ),
)
"""Question and answer. Written for this purpose: middling answers, so that there is something to
see."""

_TIMEOUT_S = 30.0


class Unreachable(Exception):
    """The service did not answer as expected; the message says how."""


class Client:
    """The few calls that a local run makes to its own service."""

    def __init__(self, base: str, token: str | None = None) -> None:
        self._base = base
        self._token = token
        # No proxy from the environment: this is a call to ourselves.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def readiness(self) -> tuple[bool, str]:
        """Whether the service is ready, and what it waits for if not."""
        try:
            with self._open(f"{self._base}/readyz", timeout=5) as answer:
                return answer.status == 200, ""
        except urllib.error.HTTPError as refused:
            return False, _reason(refused)
        except OSError:
            return False, "no answer yet"

    def submit(self, slug: str, answer: str) -> dict[str, Any]:
        """Make an attempt; the same one again within a day is answered from what is stored."""
        body = json.dumps({"candidate": "sample", "answer": answer}).encode()
        request = urllib.request.Request(
            f"{self._base}/v1/questions/{slug}/attempts",
            data=body,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "Idempotency-Key": f"sample-{slug}-{hashlib.sha256(body).hexdigest()[:12]}",
            },
        )
        try:
            with self._open(request, timeout=_TIMEOUT_S) as reply:
                received: dict[str, Any] = json.load(reply)
        except urllib.error.HTTPError as refused:
            raise Unreachable(_reason(refused)) from refused
        except (OSError, ValueError) as fault:
            raise Unreachable(str(fault)) from fault
        return received


def show_samples(client: Client, key_file: str) -> None:
    """Grade the samples and show what was said, and how to do the same by hand."""
    for slug, answer in SAMPLES:
        attempt = client.submit(slug, answer)
        click.echo(f"\n{slug}")
        click.echo(f"  answer  {answer}")
        for line in describe(attempt["grade"]):
            click.echo(f"  {line}")
    slug, answer = SAMPLES[0]
    click.echo("\nThe same from another terminal:")
    click.echo(curl(client, slug, answer, key_file))


def curl(client: Client, slug: str, answer: str, key_file: str) -> str:
    """The command line that submits the sample."""
    body = json.dumps({"candidate": "me", "answer": answer}, ensure_ascii=False)
    return (
        f"  curl -s {client._base}/v1/questions/{slug}/attempts \\\n"
        f'    -H "Authorization: Bearer $(cat {shlex.quote(key_file)})" \\\n'
        "    -H 'Content-Type: application/json' \\\n"
        f"    -d {shlex.quote(body)}"
    )


def _reason(refused: urllib.error.HTTPError) -> str:
    """What a problem response says."""
    try:
        problem = json.load(refused)
    except ValueError:
        return f"status {refused.code}"
    if isinstance(problem, Mapping):
        for name in ("detail", "title", "status"):
            if problem.get(name):
                return str(problem[name])
    return f"status {refused.code}"
