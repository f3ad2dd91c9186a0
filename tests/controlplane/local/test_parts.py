"""The small parts of `stoa up`: backoff, lock, port, secrets, folders, the demo's file."""

from __future__ import annotations

import base64
import os
import socket
import stat
from pathlib import Path

import pytest

from controlplane.local import demo, ports
from controlplane.local.backoff import HEALTHY, LONGEST, Backoff
from controlplane.local.demo import Demo, SeedAnswerInvalid
from controlplane.local.home import LONGEST_SOCKET, Home, HomeError
from controlplane.local.lock import AlreadyRunning, only_one
from controlplane.local.secret_file import SecretsUnreadable, load_or_make

DEMO = Demo("http://127.0.0.1:1", "http://127.0.0.1:1/t/demo/demo/mcp", "stoa_key")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_waits_double_up_to_a_cap() -> None:
    backoff = Backoff()

    waits = [backoff.after(lived=1) for _ in range(9)]

    assert waits == [0.5, 1, 2, 4, 8, 16, LONGEST, LONGEST, LONGEST]


def test_a_long_life_is_forgiven() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.after(lived=1)

    assert backoff.after(lived=HEALTHY) == 0.5


def test_the_second_holder_is_refused_and_told_who_is_first(tmp_path: Path) -> None:
    with only_one(tmp_path / "lock") as lock:
        lock.tell("http://127.0.0.1:8123")

        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}, at http://127.0.0.1:8123"):
            only_one(tmp_path / "lock").__enter__()


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    with only_one(tmp_path / "lock"):
        pass

    with only_one(tmp_path / "lock"):
        pass


def test_the_port_is_kept_for_the_next_start(tmp_path: Path) -> None:
    first, _ = ports.listen(tmp_path / "up.json", None)
    port = first.getsockname()[1]
    first.close()

    second, remark = ports.listen(tmp_path / "up.json", None)

    with second:
        assert (second.getsockname()[1], remark) == (port, "")


def test_a_remembered_port_that_is_taken_is_replaced_with_a_remark(tmp_path: Path) -> None:
    first, _ = ports.listen(tmp_path / "up.json", None)
    with first:
        port = first.getsockname()[1]

        second, remark = ports.listen(tmp_path / "up.json", None)
        second.close()

    assert remark.startswith(f"Port {port}, used the last time, is taken")


def test_a_wanted_port_that_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        with pytest.raises(ports.PortTaken, match="Choose another with --port"):
            ports.listen(tmp_path / "up.json", other.getsockname()[1])


def test_only_this_machine_is_listened_to(tmp_path: Path) -> None:
    listener, _ = ports.listen(tmp_path / "up.json", None)

    with listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_secrets_are_made_once_and_readable_by_their_owner_alone(tmp_path: Path) -> None:
    made = load_or_make(tmp_path / "secrets.json")

    assert load_or_make(tmp_path / "secrets.json") == made
    assert mode(tmp_path / "secrets.json") == 0o600
    assert len(base64.b64decode(made["STOA_KEY_ENCRYPTION_KEY"])) == 32


def test_damaged_secrets_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")

    with pytest.raises(SecretsUnreadable, match="Restore it from a backup"):
        load_or_make(tmp_path / "secrets.json")


def test_a_home_is_closed_to_others(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")

    home.create()

    assert [mode(folder) for folder in (home.root, home.run, home.store)] == [0o700] * 3


def test_sockets_of_a_home_with_a_long_name_stand_elsewhere(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 30))

    home.create()

    assert len(os.fsencode(home.run / ".s.PGSQL.5432")) < LONGEST_SOCKET
    assert mode(home.run) == 0o700
    home.tidy()
    assert not home.run.exists()


def test_a_socket_folder_that_someone_else_made_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / ("long" * 30))
    home.run.symlink_to(tmp_path)

    try:
        with pytest.raises(HomeError, match="is not a folder of yours"):
            home.create()
    finally:
        home.run.unlink()


def test_the_demo_follows_the_port() -> None:
    moved = DEMO.moved_to("http://127.0.0.1:2")

    assert moved.endpoint_url == "http://127.0.0.1:2/t/demo/demo/mcp"


def test_the_demo_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    demo.save(tmp_path / "demo.json", DEMO)

    assert demo.load(tmp_path / "demo.json") == DEMO
    assert mode(tmp_path / "demo.json") == 0o600


@pytest.mark.parametrize("printed", [b"", b"done", b"[]", b'{"endpoint_url": "http://x"}'])
def test_an_answer_that_is_no_demo_is_refused(printed: bytes) -> None:
    with pytest.raises(SeedAnswerInvalid):
        demo.parse(printed, web="http://127.0.0.1:1")
