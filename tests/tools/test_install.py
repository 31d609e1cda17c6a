"""The installer and the lock: CPU torch only, pinned, the same everywhere."""

from __future__ import annotations

import importlib.util
import re
import socket
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CUDA_PLAN = {
    "torch": "https://index.example/torch-2.13.0-cp311.whl",
    "nvidia-cublas": "https://index.example/nvidia_cublas.whl",
    "triton": "https://index.example/triton.whl",
}
CPU_PLAN = {"torch": "file:///wheels/torch-2.13.0%2Bcpu-cp311.whl", "numpy": "file:///numpy.whl"}


@pytest.fixture
def install(root: Path) -> ModuleType:
    """tools/install.py, which is no module of a package."""
    spec = importlib.util.spec_from_file_location("install", root / "tools" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def installer(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, plan: dict[str, str], *, index: bool
) -> tuple[Any, list[tuple[str, ...]]]:
    """An installer that writes down what it would have pip do."""
    made = install.Installer(Path("/nonexistent"), dev=False, project=True)
    calls: list[tuple[str, ...]] = []
    monkeypatch.delenv("TORCH_BUILD", raising=False)
    monkeypatch.setattr(install, "index_answers", lambda _: index)
    monkeypatch.setattr(install, "size_of", lambda _: "")
    monkeypatch.setattr(made, "has_torch", lambda _: False)
    monkeypatch.setattr(made, "resolve", lambda _: plan)
    monkeypatch.setattr(made, "pip_on_screen", lambda *words: calls.append(words))
    return made, calls


def test_a_cuda_build_is_refused_before_anything_is_fetched(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, calls = installer(install, monkeypatch, CUDA_PLAN, index=False)

    with pytest.raises(install.CannotInstall, match="CUDA"):
        made.install_torch()
    assert calls == []


def test_a_cuda_build_is_taken_when_it_was_asked_for(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, calls = installer(install, monkeypatch, CUDA_PLAN, index=False)
    monkeypatch.setenv("TORCH_BUILD", "any")

    made.install_torch()

    assert "--no-deps" not in calls[0]


@pytest.mark.parametrize("index", [True, False])
def test_the_cpu_build_comes_from_the_cpu_index_if_that_answers(
    index: bool, install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, calls = installer(install, monkeypatch, CPU_PLAN, index=index)

    made.install_torch()

    assert (install.CPU_INDEX in calls[0]) is index
    assert "--no-deps" in calls[0]


def test_an_index_that_is_not_there_is_given_up_quickly(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "ANSWER_WITHIN_S", 0.2)
    with socket.socket() as silent:  # Takes the connection and never says a word.
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        assert not install.index_answers(f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert not install.index_answers("http://127.0.0.1:1")


def test_an_old_python_is_refused_with_the_way_out(
    install: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(install, "OLDEST", (99, 0))
    monkeypatch.setattr(sys, "argv", ["install.py", "--venv", "/nonexistent/venv"])

    assert install.main() == 1
    assert "PYTHON=" in capsys.readouterr().err


def locked(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    pins = [re.fullmatch(r"([\w.-]+)(?:\[[^]]*\])?==([\w.]+)(?: ;.*)?", line) for line in lines[1:]]
    assert all(pins), [line for line, pin in zip(lines[1:], pins, strict=True) if not pin]
    return {pin[1]: pin[2] for pin in pins if pin}


def test_every_package_is_pinned_and_none_is_for_cuda(root: Path) -> None:
    pins = locked(root / "requirements.txt")

    assert pins["torch"] == "2.13.0"
    assert not [name for name in pins if name.startswith(("nvidia", "cuda", "triton"))]


def test_both_locks_agree_where_they_meet(root: Path) -> None:
    service = locked(root / "requirements.txt")
    development = locked(root / "requirements-dev.txt")

    both = set(service) & set(development)
    assert both
    assert {name: service[name] for name in both} == {name: development[name] for name in both}


def test_everything_the_project_declares_is_in_the_lock(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))

    declared = [re.split(r"[=\[]", line)[0] for line in project["project"]["dependencies"]]
    assert set(declared) <= set(locked(root / "requirements.txt"))
