"""Components of folders, of skills, and of providers that several servers share (FASTMCP 2.2, K-09)."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.composition.folders import FileSystemProvider
from mcp_runtime.framework.composition.known import AggregateProvider
from mcp_runtime.framework.composition.skills import SkillProvider, SkillsDirectoryProvider
from mcp_runtime.framework.composition.transforms import VersionFilter
from mcp_runtime.framework.local_provider import LocalProvider
from mcp_runtime.protocol.errors import McpError

pytestmark = pytest.mark.fastmcp("K-09", status="later")

TOOL = "from mcp_runtime.framework.decorators import tool\n@tool\ndef {name}() -> str:\n    return {value!r}\n"


async def names(mcp: FastMCP) -> list[str]:
    return sorted(tool.name for tool in await mcp.list_tools())


def write(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


# Folders.


async def test_what_the_files_of_a_folder_define_is_offered(tmp_path: Path) -> None:
    shared = "from helper import NAME\n" + TOOL.format(name="second", value="2")
    write(tmp_path, first=TOOL.format(name="first", value="1"), deep__more=shared, helper="NAME = 'x'\n")
    mcp = FastMCP(providers=[FileSystemProvider(tmp_path)])

    async with Client(mcp) as client:
        assert sorted(tool.name for tool in await client.list_tools()) == ["first", "second"]
        assert (await client.call_tool("second")).data == "2"


async def test_files_of_a_package_import_each_other_relatively(tmp_path: Path) -> None:
    inside = "from .base import VALUE\n" + TOOL.format(name="get", value="v")
    write(tmp_path, pack____init___="", pack__tools=inside, pack__base="VALUE = 1\n")
    (tmp_path / "pack" / "__init__.py").write_text("")

    assert await names(FastMCP(providers=[FileSystemProvider(tmp_path)])) == ["get"]


async def test_equal_names_in_two_folders_are_not_in_each_others_way(tmp_path: Path) -> None:
    one = write(tmp_path / "one", tools=TOOL.format(name="one", value="1"))
    two = write(tmp_path / "two", tools=TOOL.format(name="two", value="2"))

    assert await names(FastMCP(providers=[FileSystemProvider(one), FileSystemProvider(two)])) == ["one", "two"]


async def test_a_file_that_fails_is_logged_and_the_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, good=TOOL.format(name="good", value="1"), bad="raise RuntimeError('no')\n")

    with caplog.at_level(logging.ERROR):
        mcp = FastMCP(providers=[FileSystemProvider(tmp_path)])

    assert await names(mcp) == ["good"]
    assert "bad.py cannot be imported" in caplog.text


async def test_a_component_is_offered_where_it_is_defined_and_not_where_it_is_imported(tmp_path: Path) -> None:
    write(tmp_path, a=TOOL.format(name="a", value="1"), b="from a import a\n")

    assert await names(FastMCP(providers=[FileSystemProvider(tmp_path)])) == ["a"]


async def test_changed_files_are_read_again_where_that_is_wanted(tmp_path: Path) -> None:
    write(tmp_path, one=TOOL.format(name="before", value="1"))
    fixed = FastMCP(providers=[FileSystemProvider(tmp_path)])
    live = FastMCP(providers=[FileSystemProvider(tmp_path, reload=True)])
    assert await names(live) == ["before"]

    write(tmp_path, one=TOOL.format(name="after_it", value="1"), two=TOOL.format(name="two", value="2"))
    os.utime(tmp_path / "one.py", ns=(1, 1))

    assert await names(fixed) == ["before"]
    async with Client(live) as client:
        assert sorted(tool.name for tool in await client.list_tools()) == ["after_it", "two"]


async def test_a_folder_that_is_not_there_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert await names(FastMCP(providers=[FileSystemProvider(tmp_path / "gone")])) == []

    assert "there is no folder" in caplog.text


# Components that several servers share.


async def test_several_servers_offer_what_one_provider_has_and_gets() -> None:
    shared = LocalProvider()

    @shared.tool
    def one() -> int:
        return 1

    servers = [FastMCP("a", providers=[shared]), FastMCP("b", providers=[shared])]
    assert [await names(mcp) for mcp in servers] == [["one"], ["one"]]

    shared.tool(lambda: 2, name="two")

    assert [await names(mcp) for mcp in servers] == [["one", "two"], ["one", "two"]]
    async with Client(servers[1]) as client:
        assert (await client.call_tool("one")).data == 1


async def test_servers_offer_other_versions_of_the_same_components() -> None:
    shared = LocalProvider()
    for version in ("1.0", "2.0"):
        shared.tool(lambda version=version: version, name="which", version=version)
    old = FastMCP("old", providers=[shared], transforms=[VersionFilter(version_lt="2.0")])
    new = FastMCP("new", providers=[shared])

    assert [(await mcp.list_tools())[0].version for mcp in (old, new)] == ["1.0", "2.0"]
    async with Client(old) as client:
        assert (await client.call_tool("which")).content[0].text == "1.0"


def test_the_same_name_twice_is_refused_as_the_provider_says() -> None:
    shared = LocalProvider(on_duplicate="error")
    shared.tool(lambda: 1, name="one")

    with pytest.raises(ValueError, match="one"):
        shared.tool(lambda: 2, name="one")


async def test_providers_are_joined_and_the_first_of_a_name_counts() -> None:
    first, second = LocalProvider(), LocalProvider()
    first.tool(lambda: "first", name="same")
    second.tool(lambda: "second", name="same")
    second.tool(lambda: "other", name="other")

    async with Client(FastMCP(providers=[AggregateProvider([first, second])])) as client:
        assert sorted(tool.name for tool in await client.list_tools()) == ["other", "same"]
        assert (await client.call_tool("same")).content[0].text == "first"


# Skills.


@pytest.fixture
def skills(tmp_path: Path) -> Path:
    pdf = tmp_path / "skills" / "pdf"
    (pdf / "scripts").mkdir(parents=True)
    (pdf / "SKILL.md").write_text("---\nname: pdf\ndescription: Works with PDFs\n---\n# PDF\nUse it.\n")
    (pdf / "scripts" / "x.py").write_text("print(1)")
    (pdf / "logo.png").write_bytes(b"\x89PNG\xff")
    (tmp_path / "secret.txt").write_text("secret")
    (pdf / "link.txt").symlink_to(tmp_path / "secret.txt")
    plain = tmp_path / "skills" / "plain"
    plain.mkdir()
    (plain / "SKILL.md").write_text("# Heading\n\nA paragraph.\n")
    (tmp_path / "skills" / "none").mkdir()
    return tmp_path / "skills"


async def test_skills_are_listed_with_what_they_say_of_themselves(skills: Path) -> None:
    async with Client(FastMCP(providers=[SkillsDirectoryProvider(skills)])) as client:
        found = {str(one.uri): one.description for one in await client.list_resources()}

    assert found["skill://pdf/SKILL.md"] == "Works with PDFs"
    assert found["skill://plain/SKILL.md"] == "Heading"
    assert len(found) == 4


async def test_a_manifest_names_the_files_and_they_are_read(skills: Path) -> None:
    async with Client(FastMCP(providers=[SkillProvider(skills / "pdf")])) as client:
        manifest = json.loads((await client.read_resource("skill://pdf/_manifest"))[0].text)
        script = await client.read_resource("skill://pdf/scripts/x.py")
        logo = await client.read_resource("skill://pdf/logo.png")

    assert [one["path"] for one in manifest["files"]] == ["SKILL.md", "logo.png", "scripts/x.py"]
    assert (script[0].text, logo[0].blob) == ("print(1)", "iVBOR/8=")


@pytest.mark.parametrize("path", ["../plain/SKILL.md", "%2e%2e/plain/SKILL.md", "link.txt", "/etc/passwd", "gone.md"])
async def test_nothing_outside_of_a_skill_is_read(skills: Path, path: str) -> None:
    async with Client(FastMCP(providers=[SkillProvider(skills / "pdf")])) as client:
        with pytest.raises(McpError):
            await client.read_resource(f"skill://pdf/{path}")


async def test_supporting_files_are_listed_where_that_is_wanted(skills: Path) -> None:
    provider = SkillsDirectoryProvider(skills, supporting_files="resources")
    async with Client(FastMCP(providers=[provider])) as client:
        found = {str(one.uri): one.mime_type for one in await client.list_resources()}
        assert (await client.read_resource("skill://pdf/scripts/x.py"))[0].text == "print(1)"

    assert found["skill://pdf/logo.png"] == "image/png"
    assert "skill://pdf/link.txt" not in found


async def test_a_new_skill_is_found_where_folders_are_read_again(skills: Path) -> None:
    live = FastMCP(providers=[SkillsDirectoryProvider(skills, reload=True)])
    async with Client(live) as client:
        before = len(await client.list_resources())
        (skills / "none" / "SKILL.md").write_text("# New\n")

        assert len(await client.list_resources()) == before + 2


def test_a_folder_without_a_main_file_is_no_skill(skills: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"SKILL\.md"):
        SkillProvider(skills / "none")
