from __future__ import annotations

from django.apps import AppConfig


class CompositionConfig(AppConfig):
    name = "controlplane.composition"
