"""What was measured, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.client import Load
from bench.processes import Memory

SYSTEMS = {
    "pointmark": "Pointmark",
    "plain": "plain app, all wordings",
    "lean": "plain app, statements only",
}


@dataclass(frozen=True)
class Start:
    """How a server came up and what its workers hold after the load."""

    ready_s: float
    workers: list[Memory]


@dataclass
class Row:
    """One number of clients."""

    clients: int
    loads: dict[str, Load] = field(default_factory=dict)
    """By name of the system."""
    ceilings: list[float] = field(default_factory=list)
    """Answers a second, one value for each stretch."""

    @property
    def ceiling(self) -> float:
        """Answers a second."""
        return sum(self.ceilings) / len(self.ceilings)

    def times(self, other: str) -> float:
        """How often Pointmark answers for one answer of another."""
        return self.loads["pointmark"].rate / self.loads[other].rate

    @property
    def share(self) -> float:
        """Pointmark's part of the ceiling."""
        return self.loads["pointmark"].rate / self.ceiling


@dataclass
class Report:
    """Everything of one run."""

    date: str
    machine: dict[str, object]
    settings: dict[str, object]
    answer: dict[str, float]
    """What an answer is to the encoder."""
    rows: list[Row]
    starts: dict[str, Start]

    def data(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "date": self.date,
            "machine": self.machine,
            "settings": self.settings,
            "answer": {name: round(value, 1) for name, value in self.answer.items()},
            "clients": [_row_data(row) for row in self.rows],
            "starts": {name: _start_data(start) for name, start in self.starts.items()},
        }

    def markdown(self) -> str:
        """For people."""
        return "\n".join(
            [*self._head(), "", *self._speeds(), "", *self._ratios(), "", *self._held()]
        )

    def _head(self) -> list[str]:
        machine, settings, answer = self.machine, self.settings, self.answer
        return [
            f"{self.date}, {machine['processors']} processors ({machine['model']}), "
            f"{machine['busy_before']:.0%} of them busy before the run; "
            f"{settings['workers']} worker processes each, one inference thread a process "
            f"(plain app: {settings['plain_threads']}); {settings['rounds']} stretches of "
            f"{settings['seconds']} s for each line; an answer of 100 words is "
            f"{answer['texts']:.1f} texts, {answer['tokens']:.0f} tokens "
            f"({answer['tokens_padded']:.0f} with padding) in {answer['batches']:.1f} batches.",
        ]

    def _speeds(self) -> list[str]:
        lines = [
            "| clients | system | graded | answers/s | p50 ms | p95 ms | p99 ms |",
            "|---:|---|---:|---:|---:|---:|---:|",
        ]
        for row in self.rows:
            for name, load in row.loads.items():
                spread = " | ".join(f"{load.percentile(p):.0f}" for p in (0.5, 0.95, 0.99))
                lines.append(
                    f"| {row.clients} | {SYSTEMS[name]} | {len(load.latencies_ms)} | "
                    f"{load.rate:.2f} | {spread} |"
                )
            processes = min(row.clients, int(str(self.settings["workers"])))
            lines.append(
                f"| {row.clients} | ceiling, {processes} process{'es' * (processes > 1)} | | "
                f"{row.ceiling:.2f} | | | |"
            )
        return lines

    def _ratios(self) -> list[str]:
        others = [name for name in self.rows[0].loads if name != "pointmark"]
        names = "".join(f" times the {SYSTEMS[name]} |" for name in others)
        lines = [
            f"| clients |{names} part of the ceiling |",
            "|---:|" + "---:|" * (len(others) + 1),
        ]
        for row in self.rows:
            ratios = "".join(f" {row.times(name):.1f} |" for name in others)
            lines.append(f"| {row.clients} |{ratios} {row.share:.0%} |")
        return lines

    def _held(self) -> list[str]:
        lines = [
            "| | start to ready | resident a worker | proportional | private |",
            "|---|---:|---:|---:|---:|",
        ]
        for name, start in self.starts.items():
            count = len(start.workers)
            mean = [
                sum(values) / count
                for values in zip(
                    *((m.resident, m.proportional, m.private) for m in start.workers), strict=True
                )
            ]
            held = " | ".join(f"{value:.0f} MiB" for value in mean)
            title = "Pointmark" if name == "pointmark" else "plain app"
            lines.append(f"| {title} | {start.ready_s:.1f} s | {held} |")
        return lines


def _row_data(row: Row) -> dict[str, object]:
    systems = {
        name: {
            "graded": len(load.latencies_ms),
            "seconds": round(load.seconds, 3),
            "per_second": round(load.rate, 3),
            **{f"p{round(p * 100)}_ms": round(load.percentile(p), 1) for p in (0.5, 0.95, 0.99)},
        }
        for name, load in row.loads.items()
    }
    return {
        "clients": row.clients,
        "systems": systems,
        "ceiling_per_second": round(row.ceiling, 3),
        "times": {name: round(row.times(name), 2) for name in row.loads if name != "pointmark"},
        "part_of_ceiling": round(row.share, 3),
    }


def _start_data(start: Start) -> dict[str, object]:
    return {
        "ready_s": round(start.ready_s, 2),
        "workers": [
            {
                "resident_mib": round(held.resident, 1),
                "proportional_mib": round(held.proportional, 1),
                "private_mib": round(held.private, 1),
            }
            for held in start.workers
        ],
    }
