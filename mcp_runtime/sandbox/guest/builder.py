"""Inside a build's box: run `uv` once, by the order that stands on standard input (SANDBOX 5).

`lock` resolves requirements and writes the lock to standard output. `install` installs a lock, compiles it and writes
the result to standard output as a tar stream. Standard error is the build log. The exit status is uv's.

No package's code runs: only wheels are taken (`--no-build`; the variable of that name does nothing for `uv pip`), and
a wheel is unpacked and compiled, not executed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final, TypedDict

FAILED: Final = 120
"""Exit status when the fault is this program's or its box's."""


class Order(TypedDict):
    """What the host wants done."""

    phase: str
    folder: str
    """Empty and writable, for everything that the build makes. Bytecode remembers it."""
    uv: str
    index_url: str
    certificates: str
    """PEM text; empty for those that uv brings."""
    requirements: list[str]
    constraints: list[str]
    omit: list[str]
    """Packages that the platform provides: left out even where another package needs them."""
    lock: str
    node: str
    npm: str
    """npm's folder; with `node` for the phase `npm` alone."""
    registry: str
    package_json: str
    package_lock: str
    """Empty without one."""
    proxy_socket: str
    proxy_port: int
    """Where the forwarder listens in the box; 0 for any."""


def main() -> int:
    order: Order = json.load(sys.stdin.buffer)
    Path(order["folder"]).mkdir(exist_ok=True)
    from mcp_runtime.sandbox.guest import egress_forwarder

    listener = egress_forwarder.listen(order["proxy_port"])
    egress_forwarder.serve(listener, order["proxy_socket"])
    environment = _environment(order) | egress_forwarder.environment(listener.getsockname()[1])
    for name in ("NO_PROXY", "no_proxy"):  # the index may be the operator's own host
        environment.pop(name)
    return {"lock": _lock, "install": _install, "npm": _npm}[order["phase"]](order, environment)


def _environment(order: Order) -> dict[str, str]:
    root = Path(order["folder"])
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(root),
        "TMPDIR": str(root),
        "LANG": "C.UTF-8",
        "NO_COLOR": "1",
        "UV_CACHE_DIR": str(root / "cache"),
        "UV_CONCURRENT_DOWNLOADS": "8",
        "UV_CONCURRENT_INSTALLS": "4",
        "UV_DEFAULT_INDEX": order["index_url"],
        "UV_HTTP_RETRIES": "2",
        "UV_HTTP_TIMEOUT": "30",
        "UV_KEYRING_PROVIDER": "disabled",
        "UV_LINK_MODE": "copy",
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        # The store is read-only and unpacking sets new times: bytecode that checks times would be made at every start.
        "PYC_INVALIDATION_MODE": "UNCHECKED_HASH",
    }
    if order["certificates"]:
        certificates = root / "certificates.pem"
        certificates.write_text(order["certificates"])
        environment["SSL_CERT_FILE"] = str(certificates)
    return environment


def _lock(order: Order, environment: dict[str, str]) -> int:
    root = Path(order["folder"])
    wanted, constraints, lock = root / "requirements.txt", root / "constraints.txt", root / "lock.txt"
    wanted.write_text("".join(f"{line}\n" for line in order["requirements"]))
    constraints.write_text("".join(f"{line}\n" for line in order["constraints"]))
    command = ["pip", "compile", "--quiet", str(wanted), "--constraints", str(constraints), "--output-file", str(lock)]
    command += ["--no-build", "--generate-hashes", "--no-header", "--no-annotate"]
    for name in order["omit"]:
        command += ["--no-emit-package", name]
    status = _uv(order, command, environment)
    if status == 0:
        sys.stdout.buffer.write(lock.read_bytes())
        sys.stdout.buffer.flush()
    return status


def _install(order: Order, environment: dict[str, str]) -> int:
    root = Path(order["folder"])
    lock, target = root / "lock.txt", root / "out"
    lock.write_text(order["lock"])
    command = ["pip", "install", "--requirements", str(lock), "--target", str(target)]
    command += ["--no-build", "--require-hashes", "--no-deps", "--compile-bytecode"]
    status = _uv(order, command, environment)
    if status == 0:
        _stream(target)
    return status


def _npm(order: Order, environment: dict[str, str]) -> int:
    """Packages of a `package.json`, by its lock where there is one. None of their scripts runs."""
    project = Path(order["folder"]) / "project"
    project.mkdir()
    (project / "package.json").write_text(order["package_json"])
    if order["package_lock"]:
        (project / "package-lock.json").write_text(order["package_lock"])
    command = [order["node"], f"{order['npm']}/bin/npm-cli.js", "ci" if order["package_lock"] else "install"]
    command += ["--ignore-scripts", "--omit=dev", "--no-bin-links", "--no-audit", "--no-fund", "--no-update-notifier"]
    command += [f"--registry={order['registry']}", f"--cache={order['folder']}/npm-cache", "--userconfig=/dev/null"]
    if certificates := environment.get("SSL_CERT_FILE"):
        environment["NODE_EXTRA_CA_CERTS"] = certificates
    status = subprocess.run(
        command, env=environment, cwd=project, stdin=subprocess.DEVNULL, stdout=2, check=False
    ).returncode
    if status == 0:
        _stream(project)
    return status if status >= 0 else 128 - status


def _uv(order: Order, command: list[str], environment: dict[str, str]) -> int:
    status = subprocess.run(
        [order["uv"], *command], env=environment, cwd=order["folder"], stdin=subprocess.DEVNULL, stdout=2, check=False
    ).returncode
    return status if status >= 0 else 128 - status


def _stream(target: Path) -> None:
    """Regular files only, in the order of their names, without owners and times."""
    names: list[str] = []
    for folder, _, files in os.walk(target):
        names.extend(os.path.relpath(os.path.join(folder, name), target) for name in files if name != ".lock")
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(names):
            path = target / name
            if path.is_file() and not path.is_symlink():
                entry = tarfile.TarInfo(name)
                entry.size = path.stat().st_size
                with path.open("rb") as file:
                    tar.addfile(entry, file)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.path.append(os.path.abspath(__file__).removesuffix("/mcp_runtime/sandbox/guest/builder.py"))
    try:
        sys.exit(main())
    except OSError as error:
        sys.stderr.write(f"The build's box failed: {error}\n")
        sys.exit(FAILED)
