from __future__ import annotations

from django.apps import AppConfig


class CLIConfig(AppConfig):
    name = "controlplane.cli"
