"""The deployed weather server of the running platform, and the TypeScript clients."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import RunningPlatform

ROOT = Path(__file__).parents[2]
FILES = (
    "package.json", "package-lock.json", "client.mjs", "login.mjs", "calls.mjs", "conversation.mjs", "elsewhere.mjs",
)  # fmt: skip
TypeScript = Callable[..., "subprocess.CompletedProcess[str]"]


def stoa(platform: RunningPlatform, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the `stoa` command against the platform as a user would."""
    environment = {**os.environ, "STOA_URL": platform.dashboard_url, "STOA_API_KEY": platform.api_key}
    command = [str(Path(sys.executable).parent / "stoa"), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, cwd=ROOT, check=False)
    assert not check or done.returncode == 0, f"{' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture(scope="session")
def weather_url(running_platform: RunningPlatform) -> str:
    stoa(running_platform, "deploy", "examples/weather.py", "--tenant", "demo")
    return running_platform.endpoint_url.replace("/demo/demo/", "/demo/weather/")


@pytest.fixture(scope="session")
def npm_servers(running_platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The reference servers of npm, deployed without any code of ours; their endpoints' addresses by name."""
    folder = tmp_path_factory.mktemp("npm") / "filesystem"
    folder.mkdir()
    dependencies = {"@modelcontextprotocol/server-filesystem": "2026.8.31"}
    (folder / "package.json").write_text(json.dumps({"dependencies": dependencies}))
    package = ("--name", "everything", "--command", "npx -y @modelcontextprotocol/server-everything@2026.8.31")
    stoa(running_platform, "deploy", str(folder), "--command", "mcp-server-filesystem /tmp", "--tenant", "demo")
    stoa(running_platform, "deploy", *package, "--tenant", "demo")
    names = ("everything", "filesystem")
    return {name: running_platform.endpoint_url.replace("/demo/demo/", f"/demo/{name}/") for name in names}


@pytest.fixture(scope="session")
def asking_url(running_platform: RunningPlatform) -> str:
    """Where the server is that asks its client: the address without the transport's last part."""
    stoa(running_platform, "deploy", "tests/interop/servers/asking.py", "--tenant", "demo")
    return running_platform.endpoint_url.replace("/demo/demo/", "/demo/asking/").removesuffix("/mcp")


@pytest.fixture(scope="session")
def workshop(running_platform: RunningPlatform) -> str:
    """The address of a server whose tools run in the background."""
    stoa(running_platform, "deploy", "tests/interop/servers/workshop.py", "--tenant", "demo")
    return running_platform.endpoint_url.replace("/demo/demo/", "/demo/workshop/")


@pytest.fixture(scope="session")
def typescript_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The TypeScript programs, beside SDKs that were installed from the lock file."""
    folder = tmp_path_factory.mktemp("typescript")
    for name in FILES:
        shutil.copy(Path(__file__).parent / "typescript" / name, folder / name)
    tools = Path(sys.executable).parent
    subprocess.run(
        [tools / "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def typescript(typescript_folder: Path) -> TypeScript:
    """`typescript(sdk, url, key, tool, json)` runs the client."""
    folder = typescript_folder
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}

    def run(sdk: str, url: str, key: str, tool: str, arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [tools / "node", "client.mjs", sdk, url, tool, arguments],
            cwd=folder,
            env={**environment, "STOA_API_KEY": key},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run
