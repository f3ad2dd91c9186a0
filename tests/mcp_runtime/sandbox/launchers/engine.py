"""A stand-in for docker and podman, for machines where neither runs: it keeps what it is told to create, and starts the
container's command as a plain process, with mounted paths replaced by their sources. It is a foreign program's
stand-in, so it shares nothing with ours but the command line.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

STATE = Path(os.environ["FAKE_ENGINE_STATE"])
WITH_VALUE = {
    "--name", "--label", "--hostname", "--user", "--network", "--ipc", "--cap-drop", "--log-driver", "--security-opt",
    "--memory", "--memory-swap", "--cpus", "--pids-limit", "--tmpfs", "--shm-size", "--runtime", "--mount",
}  # fmt: skip


def create(arguments: list[str]) -> int:
    options: dict[str, list[str]] = {}
    while arguments[0].startswith("--"):
        name = arguments.pop(0)
        options.setdefault(name, []).append(arguments.pop(0) if name in WITH_VALUE else "")
    container = {"options": options, "image": arguments[0], "command": arguments[1:]}
    (STATE / options["--name"][0]).write_text(json.dumps(container))
    return 0


def start(arguments: list[str]) -> int:
    name = arguments[-1]
    container = json.loads((STATE / name).read_text())
    *command, inside = container["command"]
    described = json.loads(inside)
    described["walls"]["landlock"] = 0  # the files are not where a container would have them
    inside = json.dumps(described)
    for mount in container["options"]["--mount"]:
        fields = dict(field.split("=", 1) for field in mount.split(",") if "=" in field)
        inside = inside.replace(f'"{fields["target"]}"', f'"{fields["source"]}"')
        inside = inside.replace(f'"{fields["target"]}/', f'"{fields["source"]}/')
    with subprocess.Popen([sys.executable, *command[1:], inside], env={}) as process:
        (STATE / f"{name}.pid").write_text(str(process.pid))
        code = process.wait()
    return code if code >= 0 else 128 - code


def remove(arguments: list[str]) -> int:
    for name in arguments:
        if (STATE / f"{name}.pid").exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int((STATE / f"{name}.pid").read_text()), signal.SIGKILL)
        (STATE / name).unlink(missing_ok=True)
    return 0


def main() -> int:
    verb, *arguments = sys.argv[1:]
    if verb == "create":
        return create(arguments)
    if verb == "start":
        return start(arguments)
    if verb == "rm":
        return remove([argument for argument in arguments if not argument.startswith("--")])
    if verb == "inspect":
        print(json.dumps({"Pid": int((STATE / f"{arguments[-1]}.pid").read_text()), "OOMKilled": False}))
    if verb == "ps":
        label = arguments[-1].removeprefix("label=")
        print(*[path.name for path in STATE.iterdir() if path.suffix != ".pid" and label in path.read_text()])
    return 0


sys.exit(main())
