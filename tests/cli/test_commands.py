"""The commands around the database, each on a real one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.domain import Scope
from service.errors import Unauthenticated
from service.store import Store
from service.usecases import authenticate

Run = Callable[..., Result]

COMMANDS = [
    *(
        ["up"],
        ["serve"],
        ["setup"],
        ["migrate"],
        ["seed"],
        ["grade"],
        ["export"],
        ["doctor"],
        ["regrade"],
    ),
    *(["question", "lint"], ["question", "show"], ["question", "list"]),
    *(["question", "import"], ["question", "export"]),
    *(["key", "create"], ["key", "list"], ["key", "revoke"]),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_and_takes_json(command: list[str]) -> None:
    result = CliRunner().invoke(main, [*command, "--help"])

    assert result.exit_code == 0
    assert "--json" in result.stdout


def test_help_answers_at_once_because_nothing_heavy_is_imported(root: Path) -> None:
    script = (
        "import sys; from service.cli import main\n"
        "heavy = {'torch', 'numpy', 'sqlalchemy', 'psycopg', 'flask', 'pydantic', 'alembic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root
    )

    assert done.stdout.strip() == "[]"
    # A quarter of a second on a free machine; the limit leaves room for a busy one.
    assert time.monotonic() - begun < 5


def test_wrong_settings_are_listed_together_and_end_with_2(
    bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POINTMARK_PORT", "0")
    monkeypatch.setenv("POINTMARK_PROT", "1")

    result = bare("key", "list")

    assert result.exit_code == 2
    assert "POINTMARK_PORT" in result.stderr
    assert "POINTMARK_PROT: no such setting" in result.stderr


def test_a_database_that_is_away_is_an_error_in_words(
    bare: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    result = bare("key", "list", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["message"]


def test_seeding_twice_changes_nothing(run: Run) -> None:
    first = json.loads(run("seed", "--json").stdout)
    second = json.loads(run("seed", "--json").stdout)

    assert "exploding-gradients" in first["created"]
    assert second["created"] == second["updated"] == []
    assert second["unchanged"] == first["created"]


def test_a_made_key_works_until_it_is_revoked(run: Run, store: Store) -> None:
    made = json.loads(run("key", "create", "platform", "--scope", "review", "--json").stdout)

    key, _ = authenticate(store, made["token"], rate_limit=0, rate_window_s=60)
    assert key.scopes == {Scope.REVIEW}
    assert run("key", "revoke", made["id"]).exit_code == 0
    with pytest.raises(Unauthenticated):
        authenticate(store, made["token"], rate_limit=0, rate_window_s=60)


def test_a_key_is_shown_once_and_only_as_its_prefix_afterwards(run: Run) -> None:
    token = run("key", "create", "platform").stdout.strip()

    listed = run("key", "list").stdout

    assert re.fullmatch(r"pm_[0-9a-f]+_[0-9a-f]{64}", token)
    assert token not in listed
    assert token.split("_")[1] in listed


def test_revoking_an_unknown_key_says_so(run: Run) -> None:
    result = run("key", "revoke", "key_nothing")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")


def test_a_shown_question_can_be_loaded_again(run: Run) -> None:
    import yaml

    from service.content import content_from_dict
    from service.seeding import read_question

    run("seed")

    shown = run("question", "show", "exploding-gradients").stdout

    seeds = Path(__file__).resolve().parents[2] / "seed"
    assert content_from_dict(yaml.safe_load(shown)) == read_question(
        seeds / "exploding-gradients.yaml"
    )


def test_setup_makes_the_first_key_once(run: Run, store: Store) -> None:
    first = json.loads(run("setup", "--json").stdout)
    second = json.loads(run("setup", "--json").stdout)

    key, _ = authenticate(store, first["key"], rate_limit=0, rate_window_s=60)
    assert key.scopes == {Scope.ADMIN}
    assert second["key"] is None


def test_setup_takes_the_admin_key_from_its_setting(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "pm_mine_" + "s" * 32
    monkeypatch.setenv("POINTMARK_ADMIN_KEY", token)

    result = run("setup")

    assert token not in result.output
    assert authenticate(store, token, rate_limit=0, rate_window_s=60)[0].allows(Scope.ADMIN)


def test_lint_finds_the_faults_of_a_file_with_their_places(bare: Run, tmp_path: Path) -> None:
    good = Path(__file__).resolve().parents[2] / "seed" / "exploding-gradients.yaml"
    bad = tmp_path / "exploding-gradients.yaml"
    bad.write_text(
        good.read_text(encoding="utf-8").replace("difficulty:", "dificulty:"), encoding="utf-8"
    )

    result = bare("question", "lint", "--no-encoder", "--json", str(good), str(bad))

    first, second = json.loads(result.stdout)
    assert result.exit_code == 1
    assert first["faults"] == []
    assert any("dificulty" in fault["detail"] for fault in second["faults"])


def test_all_seeds_pass_lint(bare: Run, root: Path) -> None:
    result = bare("question", "lint", "--no-encoder", str(root / "seed"))

    assert result.exit_code == 0
    assert result.stdout.count(": ok") >= 5


def test_migrate_is_quiet_about_a_database_that_is_up_to_date(run: Run) -> None:
    assert json.loads(run("migrate", "--json").stdout) == {"migrated": True}


def test_migrations_and_models_agree(bare: Run) -> None:
    result = bare("migrate", "--check", "--json")

    assert json.loads(result.stdout) == {"differences": []}
    assert result.exit_code == 0
