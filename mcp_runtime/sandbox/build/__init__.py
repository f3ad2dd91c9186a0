"""Builds: what a revision requires, locked and installed in sandboxes of their own (SANDBOX 5)."""

from mcp_runtime.sandbox.build.job import run
from mcp_runtime.sandbox.build.settings import PYPI, BuildSettings

__all__ = ("PYPI", "BuildSettings", "run")
