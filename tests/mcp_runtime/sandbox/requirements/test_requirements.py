"""Which requirement lines are installed, and which are refused."""

from __future__ import annotations

import sys

import pytest

from mcp_runtime.ports.builds import BuildFailed
from mcp_runtime.sandbox import requirements

GOOD = {
    "httpx": "httpx",
    "  httpx  ": "httpx",
    "httpx>=0.28,<1": "httpx<1,>=0.28",
    "httpx[http2, brotli] ~= 0.28": "httpx[brotli,http2]~=0.28",
    'tomli>=2; python_version < "3.11"': 'tomli>=2; python_version < "3.11"',
    "Zope.Interface==6.*": "Zope.Interface==6.*",
    "numpy===2.1.0": "numpy===2.1.0",
    "my_pkg!=1.5": "my_pkg!=1.5",
}


@pytest.mark.parametrize(("line", "canonical"), GOOD.items(), ids=GOOD.keys())
def test_a_name_with_versions_extras_and_markers_is_taken(line: str, canonical: str) -> None:
    wanted = requirements.check([line])

    assert wanted.install == (canonical,)


HOSTILE = {
    "direct URL": "evil @ https://evil.example/evil-1.0-py3-none-any.whl",
    "direct URL without spaces": "evil@https://evil.example/evil.whl",
    "bare URL": "https://evil.example/evil.whl",
    "file URL": "evil @ file:///etc",
    "bare file URL": "file:///etc/passwd",
    "git": "git+https://evil.example/repo.git",
    "named git": "evil @ git+ssh://git@evil.example/repo.git",
    "mercurial": "hg+https://evil.example/repo",
    "git over scp": "git@evil.example:repo.git",
    "editable": "-e .",
    "long editable": "--editable=.",
    "here": ".",
    "here with extras": ".[dev]",
    "relative path": "./evil",
    "parent path": "../evil",
    "absolute path": "/etc",
    "home path": "~/evil",
    "windows path": "C:\\evil",
    "local wheel": "evil-1.0-py3-none-any.whl",
    "local sdist": "evil-1.0.tar.gz",
    "requirements file": "-r /etc/passwd",
    "constraints file": "--constraint=/etc/passwd",
    "index": "--index-url https://evil.example/simple",
    "short index": "-i https://evil.example/simple",
    "extra index": "--extra-index-url=https://evil.example/simple",
    "find links": "-f /etc",
    "trusted host": "--trusted-host evil.example",
    "pre-releases": "--pre",
    "binary": "--no-binary :all:",
    "hash": "httpx==0.28.1 --hash=sha256:" + "0" * 64,
    "option behind": "httpx --install-option=--prefix=/",
    "option inside": "httpx;--index-url=https://evil.example",
    "variable": "${HOME}",
    "variable in a marker": 'httpx; os_name == "${SECRET}"',
    "second line": "httpx\n--index-url https://evil.example",
    "carriage return": "httpx\r--index-url https://evil.example",
    "continuation": "httpx \\",
    "comment": "# httpx",
    "NUL": "httpx\0",
    "letters of another script": "htt\u0440x",
    "full-width": "\uff48ttpx",
    "two names": "httpx requests",
    "no name": ">=1.0",
    "bad version": "httpx>=not a version",
    "bad marker": "httpx; surely",
    "shell": "httpx; rm -rf /",
    "empty": "",
    "long": "h" * 501,
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE.keys())
def test_anything_else_is_refused_with_the_line_and_a_remedy(line: str) -> None:
    with pytest.raises(BuildFailed) as refusal:
        requirements.check(["httpx", line])

    assert refusal.value.code == "bad_requirement"
    assert refusal.value.message.startswith("The requirement '")
    assert refusal.value.message.isprintable()
    assert refusal.value.hint


def test_a_refusal_shows_the_line() -> None:
    with pytest.raises(BuildFailed, match=r"'-e \.' names a path"):
        requirements.check(["-e ."])


@pytest.mark.parametrize("line", ["fastmcp", "FastMCP>=2", "fastmcp[apps]==4.1", "mcp", "mcp<1; os_name == 'posix'"])
def test_the_frameworks_names_are_met_by_the_platform(line: str) -> None:
    wanted = requirements.check([line, "httpx"])

    assert wanted.install == ("httpx",)
    assert wanted.provided in (("fastmcp",), ("mcp",))


def test_names_that_only_begin_like_the_framework_are_installed() -> None:
    wanted = requirements.check(["fastmcp-extras", "mcp_server"])

    assert wanted.provided == ()
    assert len(wanted.install) == 2


def test_nothing_required_is_nothing_to_install() -> None:
    assert requirements.check([]) == ((), ())


def test_lines_come_out_sorted_and_once() -> None:
    wanted = requirements.check(["b", "a", "b "])

    assert wanted.install == ("a", "b")


def test_too_many_lines_are_refused() -> None:
    with pytest.raises(BuildFailed, match="more than 500"):
        requirements.check([f"package-{number}" for number in range(501)])


@pytest.mark.parametrize("wanted", [None, ">=3.11", f"=={sys.version_info[0]}.{sys.version_info[1]}.*", ">=3.8,<4"])
def test_a_python_that_suits_is_taken(wanted: str | None) -> None:
    requirements.check_python(wanted)


@pytest.mark.parametrize("wanted", [">=4", "<3.9", "==2.7.*"])
def test_a_python_that_is_not_here_is_refused_with_the_one_that_is(wanted: str) -> None:
    with pytest.raises(BuildFailed, match="servers here run on 3") as refusal:
        requirements.check_python(wanted)

    assert refusal.value.code == "python_mismatch"


def test_a_python_that_is_no_range_is_refused() -> None:
    with pytest.raises(BuildFailed, match="not a range"):
        requirements.check_python("newest; rm -rf /")
