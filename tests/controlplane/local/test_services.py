"""The embedded services: started, kept across restarts, and gone after whatever end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from controlplane.local.home import Home
from controlplane.local.postgres import PostgresError
from controlplane.local.processes import Ledger, end_leftovers, start, started_at
from controlplane.local.services import postgres, redis
from tests.support import wait_until

HOLDER = """
import sys, time
from pathlib import Path
from controlplane.local.home import Home
from controlplane.local.processes import Ledger
from controlplane.local.services import postgres, redis
from controlplane.local.warden import watching

home = Home(Path(sys.argv[1]))
ledger = Ledger.new(home.run)
options = {"ledger": ledger, "log": home.root / "log", "for_tests": True}
with watching(ledger.path), postgres(home, **options), redis(home, **options):
    print("up", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("home"))
    home.create()
    return home


@pytest.fixture
def holder(home: Home) -> Iterator[subprocess.Popen[str]]:
    """Another process that runs both services under a warden."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(home.root)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def postmaster(home: Home) -> int:
    return int((home.postgres / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_rows_survive_a_restart(home: Home) -> None:
    with postgres(home) as urls, psycopg.connect(urls.owner) as owner:
        owner.execute("CREATE TABLE kept AS SELECT 7 AS number")

    with postgres(home) as urls, psycopg.connect(urls.owner) as owner:
        assert owner.execute("SELECT number FROM kept").fetchone() == (7,)


def test_messages_survive_a_restart(home: Home) -> None:
    with redis(home) as url, redis_client.from_url(url) as client:
        client.set("kept", "7")

    with redis(home) as url, redis_client.from_url(url) as client:
        assert client.get("kept") == b"7"


def test_nobody_can_be_the_superuser(home: Home) -> None:
    with postgres(home) as urls:
        for database in ("stoa", "postgres", "template1"):
            url = urls.app.replace("stoa_app@", "postgres@").replace("/stoa?", f"/{database}?")

            with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry"):
                psycopg.connect(url)


def test_the_application_cannot_become_the_owner(home: Home) -> None:
    with (
        postgres(home) as urls,
        psycopg.connect(urls.app) as app,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        app.execute("SET ROLE stoa_owner")


def test_services_listen_on_no_port(home: Home) -> None:
    with postgres(home) as urls, psycopg.connect(urls.app) as app:
        assert app.execute("SHOW listen_addresses").fetchone() == ("",)

    with redis(home) as url, redis_client.from_url(url) as client:
        assert client.config_get("port") == {"port": "0"}


def test_a_killed_supervisor_leaves_no_process(home: Home, holder: subprocess.Popen[str]) -> None:
    server = postmaster(home)

    holder.kill()

    wait_until(lambda: started_at(server) is None)
    wait_until(lambda: not list(home.run.glob("processes-*")))


def test_the_next_start_ends_what_a_killed_warden_left(home: Home) -> None:
    ledger = Ledger.new(home.run)
    orphan = start([sys.executable, "-c", "import time; time.sleep(600)"], env={"PATH": os.defpath})
    ledger.add("web", orphan.pid, signal.SIGTERM)

    ended = end_leftovers(home.run)

    assert ended == ["web"]
    assert orphan.wait(10) == -signal.SIGTERM
    assert end_leftovers(home.run) == []


def test_a_process_that_got_an_old_number_is_let_live(home: Home) -> None:
    ledger = Ledger.new(home.run)
    stranger = start([sys.executable, "-c", "import time; time.sleep(600)"], env={"PATH": os.defpath})
    ledger.add("web", stranger.pid, signal.SIGTERM)
    ledger.path.write_text(ledger.path.read_text().replace(started_at(stranger.pid) or "", "1"))

    ended = end_leftovers(home.run)

    assert ended == []
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_data_is_whole_after_a_kill(home: Home, holder: subprocess.Popen[str]) -> None:
    server = postmaster(home)
    holder.kill()
    wait_until(lambda: started_at(server) is None)

    with postgres(home) as urls, psycopg.connect(urls.app) as app:
        assert app.execute("SELECT 1").fetchone() == (1,)


def test_a_stale_pid_file_is_no_obstacle(home: Home) -> None:
    with postgres(home):
        pass
    (home.postgres / "data" / "postmaster.pid").write_text(f"{os.getppid()}\n/elsewhere\n")

    with postgres(home) as urls, psycopg.connect(urls.app) as app:
        assert app.execute("SELECT 1").fetchone() == (1,)


def test_data_of_another_version_is_refused_with_the_remedy(home: Home) -> None:
    (home.postgres / "data").mkdir(parents=True)
    (home.postgres / "data" / "PG_VERSION").write_text("16\n")

    with pytest.raises(PostgresError, match=r"PostgreSQL 16.*--reset"):
        postgres(home).__enter__()


def test_folders_keep_their_modes(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    home = Home(tmp_path / "home")
    home.create()

    with postgres(home):
        assert tmp_path.stat().st_mode & 0o777 == 0o700
