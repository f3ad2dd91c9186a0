"""`stoa doctor`: does what the environment names work together, and does each wall stand?

Looks, and changes nothing. It asks as the application's own role, with the environment of the processes that serve.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from django.core.exceptions import ImproperlyConfigured

from controlplane.cli.doctor.findings import Finding, Level
from controlplane.cli.errors import CliError

_HELP = """Usage: stoa doctor [--json]

Check the installation whose environment this is: configuration, database roles and row-level security, migrations,
clock, Redis, keys, sandbox, public address and mail. Each finding says what to do.

Exit status: 0 nothing is wrong (warnings do not count), 1 something is, 2 misused."""


def main(arguments: Sequence[str]) -> int:
    """Print the findings; the exit status. Raises CliError for what is not an option."""
    if set(arguments) & {"--help", "-h"}:
        print(_HELP)
        return 0
    if unknown := set(arguments) - {"--json"}:
        raise CliError(f"stoa doctor has no option {min(unknown)}.", hint="It has --json.")

    findings = diagnose()
    if "--json" in arguments:
        print(json.dumps([finding.as_json() for finding in findings], indent=2))
    else:
        _show(findings)
    return 1 if any(finding.level is Level.ERROR for finding in findings) else 0


def diagnose() -> list[Finding]:
    """Every finding, in the order in which one would mend them."""
    try:
        import django

        django.setup()
    except ImproperlyConfigured as error:
        problem, _, remedy = str(error).partition(". ")
        return [Finding("configuration", Level.ERROR, f"{problem}.", remedy or "See docs/reference/configuration.md.")]

    from controlplane.cli.doctor import database, host, messenger, web

    findings = [Finding("configuration", Level.OK, "every variable has a value that can be")]
    for part in (database.check, messenger.check, host.check, web.check):
        findings.extend(part())
    return findings


def _show(findings: Sequence[Finding]) -> None:
    for finding in findings:
        print(f"{finding.level:<8} {finding.check}: {finding.message}")
        if finding.remedy:
            print(f"{'':<8} -> {finding.remedy}")
    errors = sum(finding.level is Level.ERROR for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    print(f"{errors} wrong, {warnings} to think about.", file=sys.stderr)
