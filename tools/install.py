"""Makes the virtual environment `.venv` with the locked packages. Standard library only.

    python tools/install.py [--dev] [--venv FOLDER] [--no-project]

Seconds when nothing changed. torch is treated apart, because the ordinary build for Linux brings
several gigabytes of CUDA: its CPU build is taken from PyTorch's own index when that answers, else
from wherever pip is configured to look; a CUDA build is refused unless ``TORCH_BUILD=any``.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST = (3, 11)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
ANSWER_WITHIN_S = 4.0
REST_MB = 140
"""What the packages besides torch come to, measured on Linux; for the announcement only."""


class CannotInstall(Exception):
    """The environment cannot be made; the message says what to do."""


def main() -> int:
    """Make the environment, or say why not."""
    parser = argparse.ArgumentParser(description="Make .venv with the locked packages.")
    parser.add_argument("--dev", action="store_true", help="what tests and checks need, too")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument(
        "--no-project", action="store_true", help="the packages alone, for a container's layer"
    )
    options = parser.parse_args()
    try:
        if sys.version_info < OLDEST:
            raise CannotInstall(
                f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is "
                f"{sys.version.split()[0]}: name a newer one, e.g. `make run PYTHON=python3.12`"
            )
        with one_at_a_time(options.venv):
            Installer(options.venv, dev=options.dev, project=not options.no_project).run()
    except CannotInstall as fault:
        print(f"install: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("install: stopped; the next run goes on from here", file=sys.stderr)
        return 130
    return 0


def say(text: str) -> None:
    """Progress, at once, in order with pip's own."""
    print(f"install: {text}", flush=True)


@contextlib.contextmanager
def one_at_a_time(venv: Path) -> Iterator[None]:
    """Wait for another install of the same environment, e.g. `make test` beside `make run`."""
    venv.parent.mkdir(parents=True, exist_ok=True)
    with open(venv.with_name(f"{venv.name}.lock"), "a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another install to finish")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Installer:
    """One run of the installer."""

    def __init__(self, venv: Path, *, dev: bool, project: bool) -> None:
        self.project = project
        self.venv = venv
        self.python = venv / "bin" / "python"
        self.locks = [ROOT / "requirements.txt"]
        if dev:
            self.locks.append(ROOT / "requirements-dev.txt")

    def run(self) -> None:
        """Do what is missing."""
        if not self.works():
            self.make_venv()
        needed = [lock for lock in self.locks if not self.is_done(lock)]
        if not needed:
            return
        begun = time.monotonic()
        check_room(self.venv.parent)
        self.install_torch()
        self.install_locked(needed)
        if self.project:
            self.install_project()
        for lock in needed:
            self.marker(lock).write_text(self.digest(lock))
        say(f"done in {time.monotonic() - begun:.0f} s")

    # ---------------------------------------------------------------- the environment

    def works(self) -> bool:
        """Whether there is an environment whose Python runs (the one it links to may be gone)."""
        if not self.python.exists():
            return False
        asked = subprocess.run([self.python, "-m", "pip", "--version"], capture_output=True)
        return asked.returncode == 0

    def make_venv(self) -> None:
        say(f"making {self.venv} with Python {sys.version.split()[0]}")
        command = [sys.executable, "-m", "venv", "--clear", str(self.venv)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise CannotInstall(
                f"no virtual environment could be made:\n{done.stdout}{done.stderr}\n"
                "On Debian and Ubuntu the module is a package of its own: "
                "apt-get install python3-venv"
            )

    def marker(self, lock: Path) -> Path:
        """The file that says which lock this environment was made from."""
        return self.venv / f".{lock.stem}.done"

    def digest(self, lock: Path) -> str:
        """Changes with the lock, the project's own metadata and the place it lies in."""
        text = lock.read_bytes() + (ROOT / "pyproject.toml").read_bytes() + bytes(ROOT)
        return hashlib.sha256(text).hexdigest()

    def is_done(self, lock: Path) -> bool:
        """Whether the lock is installed already."""
        try:
            return self.marker(lock).read_text() == self.digest(lock)
        except OSError:
            return False

    # ---------------------------------------------------------------- packages

    def pip(self, *arguments: str, show: str = "") -> None:
        """Run pip, showing the lines of its output that begin with one of the words in `show`."""
        process = subprocess.Popen(
            [str(self.python), "-m", "pip", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout is not None
        kept: list[str] = []
        for line in process.stdout:
            kept.append(line)
            if show and line.lstrip().startswith(tuple(show.split())):
                print(f"  {line.strip()[:110]}", flush=True)
        self.check(process.wait(), "".join(kept[-15:]))

    def pip_on_screen(self, *arguments: str) -> None:
        """Run pip with the terminal to itself, for one large download with its moving bar."""
        done = subprocess.run([str(self.python), "-m", "pip", *arguments], cwd=ROOT)
        self.check(done.returncode, "see above")

    def check(self, exit_code: int, said: str) -> None:
        if exit_code != 0:
            raise CannotInstall(
                f"pip failed: {said}\nThe package index that pip is configured to use must be "
                "reachable. Run the same command again to go on from here."
            )

    def install_torch(self) -> None:
        """Install the CPU build of the locked torch, from the first place that has it."""
        wanted = locked_version("torch")
        if self.has_torch(wanted):
            return
        if index_answers(CPU_INDEX):
            # That index need not have all the dependencies; they come with the lock anyway.
            where = ["--no-deps", "--index-url", CPU_INDEX]
            say(f"torch {wanted}, CPU build, from {CPU_INDEX}")
        else:
            where = []
            say(f"{CPU_INDEX} does not answer; asking the index that pip is configured with")
        found = self.resolve([*where, f"torch=={wanted}"])
        cuda = [name for name in found if name.startswith(("nvidia-", "cuda-", "triton"))]
        if cuda and os.environ.get("TORCH_BUILD") != "any":
            raise CannotInstall(
                f"the only torch {wanted} found is a CUDA build: it would bring {len(cuda)} more "
                "packages and several gigabytes that this service does not use. Make PyTorch's "
                f"CPU index reachable ({CPU_INDEX}), or put a CPU wheel where pip finds it (pip's "
                "find-links), or accept the large one: TORCH_BUILD=any make run"
            )
        size = size_of(found.get("torch", ""))
        say(f"fetching torch{size}; the other packages are about {REST_MB} MB more")
        # The dependencies come with the lock; a CUDA build's own are not in it.
        self.pip_on_screen("install", *where, *([] if cuda else ["--no-deps"]), f"torch=={wanted}")

    def has_torch(self, wanted: str) -> bool:
        asked = subprocess.run(
            [self.python, "-c", "from importlib.metadata import version; print(version('torch'))"],
            capture_output=True,
            text=True,
        )
        return asked.returncode == 0 and asked.stdout.strip().split("+")[0] == wanted

    def resolve(self, arguments: list[str]) -> dict[str, str]:
        """What pip would install, name to address, without downloading large files."""
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder, "report.json")
            self.pip(
                *("install", "--dry-run", "--ignore-installed", "--report", str(report)),
                *arguments,
            )
            plan = json.loads(report.read_text(encoding="utf-8"))
        return {
            item["metadata"]["name"].lower(): item["download_info"]["url"]
            for item in plan["install"]
        }

    def install_locked(self, locks: list[Path]) -> None:
        say("installing the locked packages")
        files = [word for lock in locks for word in ("-r", str(lock))]
        self.pip(
            *("install", "--no-warn-script-location", "--progress-bar", "off", *files),
            show="Downloading Building Installing",
        )

    def install_project(self) -> None:
        """The command `pointmark` in the environment, running this very checkout."""
        self.pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def locked_version(package: str) -> str:
    """The version of a package in requirements.txt."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    match = re.search(rf"^{re.escape(package)}==([^\s;]+)", text, re.MULTILINE)
    if match is None:
        raise CannotInstall(f"requirements.txt does not pin {package}")
    return match[1]


def index_answers(index: str) -> bool:
    """Whether a package index answers within a few seconds."""
    try:
        with urllib.request.urlopen(f"{index}/torch/", timeout=ANSWER_WITHIN_S) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def size_of(address: str) -> str:
    """`` (183 MB)`` for a wheel's address; nothing where the size cannot be learnt."""
    parts = urllib.parse.urlsplit(address)
    try:
        if parts.scheme == "file":
            size = os.path.getsize(urllib.request.url2pathname(parts.path))
        else:
            request = urllib.request.Request(address, method="HEAD")
            with urllib.request.urlopen(request, timeout=ANSWER_WITHIN_S) as answer:
                size = int(answer.headers["Content-Length"])
    except (OSError, ValueError, TypeError):
        return ""
    return f" ({size / 1e6:.0f} MB)"


def check_room(folder: Path) -> None:
    """Say early that the disk is too full."""
    free = shutil.disk_usage(folder).free
    if free < 2_000_000_000:
        say(f"only {free / 1e9:.1f} GB of disk are free; the environment takes about 1.6 GB")


if __name__ == "__main__":
    sys.exit(main())
