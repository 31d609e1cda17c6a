"""Write the README's examples anew from the service itself, after the calibration has changed.

::

    python tests/docs/examples.py                          the worked example
    python tests/docs/examples.py --url URL --key KEY      also the first response, from a running
                                                           service (`make run` prints both)
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
SLUG = "exploding-gradients"
ANSWER = (
    "Gradients are multiplied layer by layer in backpropagation, so if the factors are larger than "
    "one they grow exponentially."
)
# The list of signals is long and is shown by the worked example; here it would hide the rest.
_SIGNALS = re.compile(r'"signals": \[\s*\{.*?\}\s*\]', re.DOTALL)
_EVIDENCE = re.compile(r'"evidence": \[\s*\{\s*(.*?)\s*\}\s*\]', re.DOTALL)


def replaced(text: str, name: str, content: str) -> str:
    """The page with what stands between the markers of this name replaced."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    found, count = pattern.subn(lambda _: f"{begin}\n{content}\n{end}", text)
    if count != 1:
        raise SystemExit(f"{README.name} needs the markers {begin} and {end} once")
    return found


def worked_example() -> str:
    """What `pointmark grade --explain` prints."""
    command = [sys.executable, "-m", "service", "grade", "--question", SLUG]
    done = subprocess.run(
        [*command, "--answer", ANSWER, "--explain"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return f"```\n{done.stdout.strip()}\n```"


def first_response(url: str, key: str) -> str:
    """What the service answers to the first request of the README, signals left out."""
    request = urllib.request.Request(
        f"{url}/v1/questions/{SLUG}/attempts",
        data=json.dumps({"candidate": "cand-4711", "answer": ANSWER}).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    # No proxy from the environment: the service runs on this machine.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        body: dict[str, Any] = json.load(answer)
    text = json.dumps(body, indent=2, ensure_ascii=False)
    text = _SIGNALS.sub('"signals": […]', text)
    text = _EVIDENCE.sub(lambda m: f'"evidence": [{{{" ".join(m[1].split())}}}]', text)
    return f"```\n{text}\n```"


def main() -> None:
    """Rewrite the README."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url")
    parser.add_argument("--key")
    options = parser.parse_args()
    text = replaced(README.read_text(encoding="utf-8"), "example", worked_example())
    if options.url and options.key:
        text = replaced(text, "response", first_response(options.url, options.key))
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
