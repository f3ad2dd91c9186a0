"""What each store promises beyond the common contract (FASTMCP B-01 to B-10)."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet, MultiFernet

from mcp_runtime.framework.errors import MissingPackage
from mcp_runtime.framework.storage import (
    DiskStore,
    DynamoDBStore,
    ElasticsearchStore,
    FernetEncryptionWrapper,
    LimitSizeWrapper,
    MemoryStore,
    MongoDBStore,
    ReadOnlyWrapper,
    RedisStore,
    TTLClampWrapper,
    TTLWrapper,
)
from mcp_runtime.framework.storage.errors import CannotDecrypt, EntryTooLarge, InvalidEntry, StorageError


class Clock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


def files_under(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.fastmcp("B-01")
async def test_memory_forgets_what_has_expired() -> None:
    clock = Clock()
    store = MemoryStore(now=clock)
    await store.put("key", {"a": 1}, ttl=10)

    clock.advance(9)
    assert await store.get("key") == {"a": 1}
    clock.advance(1)
    assert await store.get("key") is None
    assert await store.delete("key") is False


@pytest.mark.fastmcp("B-01")
async def test_memory_is_bounded_and_lets_the_expired_and_the_unused_go_first() -> None:
    clock = Clock()
    store = MemoryStore(max_entries_per_collection=3, now=clock)
    await store.put("short", {}, ttl=1)
    await store.put("old", {"a": 1})
    await store.put("used", {"a": 1})

    clock.advance(2)
    await store.put("new", {"a": 1})
    assert await store.get("old") is not None
    await store.get("used")
    await store.put("newest", {"a": 1})

    assert [await store.get(key) is not None for key in ("short", "old", "used", "new", "newest")] == [
        *(False, True, True),
        *(False, True),
    ]


@pytest.mark.fastmcp("B-02", status="safer")
async def test_files_are_json_that_only_their_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    await DiskStore(directory=folder).put("../../escape", {"a": 1}, collection="../up")

    files = files_under(tmp_path)

    assert [path.suffix for path in files] == [".json"]
    assert files[0].is_relative_to(folder)
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (folder, files[0].parent)} == {0o700}


@pytest.mark.fastmcp("B-02", status="safer")
async def test_a_planted_pickle_is_not_loaded(tmp_path: Path) -> None:
    store = DiskStore(directory=tmp_path)
    await store.put("key", {"a": 1})
    (file,) = files_under(tmp_path)
    file.write_bytes(b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.")

    with pytest.raises(StorageError, match="is not an entry of this store"):
        await store.get("key")


async def test_an_entry_copied_to_another_name_is_not_taken_for_it(tmp_path: Path) -> None:
    store = DiskStore(directory=tmp_path)
    await store.put("mine", {"a": 1})
    await store.put("yours", {"a": 2})
    mine, yours = sorted(files_under(tmp_path), key=lambda path: b"mine" not in path.read_bytes())
    yours.write_bytes(mine.read_bytes())

    with pytest.raises(StorageError, match="it belongs elsewhere"):
        await store.get("yours")


async def test_a_link_in_the_folder_is_not_followed(tmp_path: Path) -> None:
    store = DiskStore(directory=tmp_path / "store")
    await store.put("key", {"a": 1})
    (file,) = files_under(tmp_path)
    target = tmp_path / "target"
    file.rename(target)
    file.symlink_to(target)

    with pytest.raises(OSError, match="symbolic links"):
        await store.get("key")


@pytest.mark.fastmcp("B-02")
async def test_disk_survives_a_restart_and_forgets_what_has_expired(tmp_path: Path) -> None:
    clock = Clock()
    await DiskStore(directory=tmp_path, now=clock).put("key", {"a": 1}, ttl=10)

    again = DiskStore(directory=tmp_path, now=clock)
    assert await again.get("key") == {"a": 1}
    clock.advance(10)
    assert await again.get("key") is None


@pytest.mark.fastmcp("B-02")
async def test_disk_stays_under_its_size(tmp_path: Path) -> None:
    store = DiskStore(directory=tmp_path, max_size=20_000)

    for index in range(50):
        await store.put(f"key {index}", {"a": "x" * 1000})

    assert sum(path.stat().st_size for path in files_under(tmp_path)) <= 30_000
    assert await store.get("key 49") is not None
    assert await store.get("key 0") is None
    with pytest.raises(EntryTooLarge):
        await store.put("huge", {"a": "x" * 30_000})


async def test_writers_at_the_same_time_leave_one_whole_entry(tmp_path: Path) -> None:
    stores = [DiskStore(directory=tmp_path) for _ in range(4)]

    await asyncio.gather(
        *(store.put("key", {"n": n, "text": str(n) * 5000}) for n in range(8) for store in stores),
    )

    found = await stores[0].get("key")
    assert found is not None
    assert found["text"] == str(found["n"]) * 5000
    assert len(files_under(tmp_path)) == 1


@pytest.mark.parametrize(
    ("make", "package"),
    [
        pytest.param(
            lambda: RedisStore(host="redis.example.com", port=6379),
            "py-key-value-aio[redis]",
            marks=pytest.mark.fastmcp("B-03"),
        ),
        pytest.param(
            lambda: DynamoDBStore(table_name="tokens", region_name="eu-central-1"),
            "py-key-value-aio[dynamodb]",
            marks=pytest.mark.fastmcp("B-04"),
        ),
        pytest.param(
            lambda: MongoDBStore(url="mongodb://mongo.example.com", db_name="tokens"),
            "py-key-value-aio[mongodb]",
            marks=pytest.mark.fastmcp("B-05"),
        ),
        pytest.param(
            lambda: ElasticsearchStore(url="https://search.example.com", index_prefix="tokens"),
            "py-key-value-aio[elasticsearch]",
            marks=pytest.mark.fastmcp("B-06"),
        ),
    ],
)
async def test_a_remote_store_connects_to_nothing_until_used_and_names_what_it_misses(
    make: Any, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make()
    for name in [name for name in sys.modules if name.startswith("key_value.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "key_value", None)

    with pytest.raises(MissingPackage) as caught:
        await store.get("key")

    assert caught.value.package == package


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: RedisStore(hots="x"), "takes no hots=; it takes client,"),
        (DynamoDBStore, "needs table_name="),
        (lambda: MongoDBStore(db_name="x"), "needs client= or url="),
        (lambda: ElasticsearchStore(url="https://x"), "needs index_prefix="),
    ],
)
def test_a_remote_store_names_the_option_that_is_wrong(make: Any, reason: str) -> None:
    with pytest.raises(TypeError, match=reason):
        make()


@pytest.mark.fastmcp("B-08", "B-07")
async def test_the_store_inside_sees_ciphertext_only() -> None:
    inside = MemoryStore()
    await FernetEncryptionWrapper(inside, fernet=Fernet(Fernet.generate_key())).put("key", {"token": "canary"})

    assert "canary" not in str(await inside.get("key"))


@pytest.mark.fastmcp("B-08", status="safer")
async def test_what_was_moved_or_sealed_by_another_key_does_not_open() -> None:
    inside = MemoryStore()
    store = FernetEncryptionWrapper(inside, fernet=Fernet(Fernet.generate_key()))
    await store.put("ada", {"a": 1})
    sealed = await inside.get("ada")
    assert sealed is not None
    await inside.put("ben", sealed)
    await inside.put("plain", {"a": 1})

    with pytest.raises(CannotDecrypt, match="for another place"):
        await store.get("ben")
    with pytest.raises(CannotDecrypt, match="is not encrypted"):
        await store.get("plain")
    other = FernetEncryptionWrapper(inside, fernet=Fernet(Fernet.generate_key()))
    with pytest.raises(CannotDecrypt, match="with another key"):
        await other.get("ada")
    lenient = FernetEncryptionWrapper(inside, fernet=Fernet(Fernet.generate_key()), raise_on_decryption_error=False)
    assert await lenient.get("ada") is None


@pytest.mark.fastmcp("B-08")
async def test_keys_rotate_with_a_multi_fernet_and_may_come_from_a_passphrase() -> None:
    inside = MemoryStore()
    old, new = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
    await FernetEncryptionWrapper(inside, fernet=old).put("key", {"a": 1})
    await FernetEncryptionWrapper(inside, source_material="passphrase", salt="salt").put("other", {"a": 2})

    assert await FernetEncryptionWrapper(inside, fernet=MultiFernet([new, old])).get("key") == {"a": 1}
    again = FernetEncryptionWrapper(inside, source_material="passphrase", salt="salt")
    assert await again.get("other") == {"a": 2}


@pytest.mark.parametrize("options", [{}, {"source_material": "x"}, {"source_material": " ", "salt": "s"}])
def test_an_encryption_without_a_key_is_not_made(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="FernetEncryptionWrapper needs"):
        FernetEncryptionWrapper(MemoryStore(), **options)


@pytest.mark.fastmcp("B-10", status="document")
async def test_the_ttl_wrapper_gives_its_time_to_entries_without_one() -> None:
    store = TTLWrapper(key_value=MemoryStore(), default_ttl=3600)
    await store.put("default", {})
    await store.put("own", {}, ttl=10)

    assert 3500 < ((await store.ttl("default"))[1] or 0) <= 3600
    assert ((await store.ttl("own"))[1] or 0) <= 10


@pytest.mark.fastmcp("B-10")
async def test_the_clamp_keeps_times_between_its_ends() -> None:
    store = TTLClampWrapper(MemoryStore(), min_ttl=60, max_ttl=600, missing_ttl=300)
    for key, ttl in {"short": 1, "long": 10_000, "missing": None}.items():
        await store.put(key, {}, ttl=ttl)

    assert [round((await store.ttl(key))[1] or 0) for key in ("short", "long", "missing")] == [60, 600, 300]
    with pytest.raises(InvalidEntry):
        TTLClampWrapper(MemoryStore(), min_ttl=10, max_ttl=1)


async def test_a_limit_refuses_or_leaves_out_what_is_too_large() -> None:
    inside = MemoryStore()

    with pytest.raises(EntryTooLarge, match="this store takes 20"):
        await LimitSizeWrapper(inside, max_size=20).put("key", {"a": "x" * 20})
    await LimitSizeWrapper(inside, max_size=20, raise_on_too_large=False).put("key", {"a": "x" * 20})

    assert await inside.get("key") is None


async def test_a_read_only_store_is_not_written() -> None:
    inside = MemoryStore()
    await inside.put("key", {"a": 1})

    with pytest.raises(StorageError, match="reading only"):
        await ReadOnlyWrapper(inside).delete("key")
    await ReadOnlyWrapper(inside, raise_on_write=False).put("key", {"a": 2})

    assert await ReadOnlyWrapper(inside).get("key") == {"a": 1}


def test_what_is_no_store_is_refused() -> None:
    nothing: Any = object()

    with pytest.raises(TypeError, match="is no key-value store"):
        TTLWrapper(nothing, default_ttl=1)


def test_importing_and_constructing_loads_no_optional_package() -> None:
    program = (
        "import sys\n"
        "for name in ('cryptography', 'key_value', 'redis', 'httpx2', 'joserfc'): sys.modules[name] = None\n"
        "from mcp_runtime.framework.storage import *\n"
        "RedisStore(host='x'), MongoDBStore(url='x'), DiskStore(directory='/nowhere'), MemoryStore()\n"
        "FernetEncryptionWrapper(MemoryStore(), source_material='a', salt='b')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
