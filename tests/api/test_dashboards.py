"""The dashboard and the alert rules ask for what the service tells, and for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

_NAME = re.compile(r"\bpointmark_\w+")
_SAMPLE = re.compile(r"(pointmark_\w+)(?:\{(.*)\})? ")
_WITH_LABELS = re.compile(r"\b(pointmark_\w+)\{([^}]*)\}")


def expressions(root: Path) -> Iterator[str]:
    folder = root / "docs" / "observability"
    for group in yaml.safe_load((folder / "alerts.yml").read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    for panel in json.loads((folder / "dashboard.json").read_text("utf-8"))["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def told(nobody: Any, platform: Any, published: Callable[..., str]) -> dict[str, set[str]]:
    """Labels by name of sample, after one answer was graded."""
    published()
    platform.post("/v1/questions/why-relu/attempts", {"candidate": "c", "answer": ""})
    found: dict[str, set[str]] = {}
    for line in nobody.get("/metrics").get_data(as_text=True).splitlines():
        sample = _SAMPLE.match(line)
        if sample is not None:
            name, labels = sample.groups()
            found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels or ""))
    return found


def test_every_expression_asks_for_what_is_told(
    root: Path, nobody: Any, platform: Any, published: Callable[..., str]
) -> None:
    known = told(nobody, platform, published)
    asked = list(expressions(root))

    assert len(asked) > 15
    for expression in asked:
        for name in _NAME.findall(expression):
            assert name in known, expression
        for name, labels in _WITH_LABELS.findall(expression):
            wanted = set(re.findall(r"(\w+)(?:=~|!~|!=|=)", labels))
            assert wanted <= known[name], expression
        for labels in re.findall(r"by \(([^)]*)\)", expression):
            names = _NAME.findall(expression)
            wanted = set(labels.replace(",", " ").split())
            assert wanted <= set.union(*(known[name] for name in names)), expression


def test_everything_that_is_told_is_on_the_dashboard(
    root: Path, nobody: Any, platform: Any, published: Callable[..., str]
) -> None:
    """Save for times of creation, which the library adds to counters and histograms."""
    known = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for name in told(nobody, platform, published)
        if name.startswith("pointmark_") and not name.endswith("_created")
    }
    shown = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for expression in expressions(root)
        for name in _NAME.findall(expression)
    }

    assert known == shown
