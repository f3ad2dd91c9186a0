"""OpenTelemetry: off until the operator names a collector, and its packages are not needed until then."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from controlplane.traces.spans import Spans


def opened(service: str) -> Spans | None:
    """What exports this process' spans; `service` is `stoa-web` or `stoa-tasks`. None where no collector is named.

    Raises ImproperlyConfigured.
    """
    endpoint: str = settings.OTEL_EXPORTER_OTLP_ENDPOINT
    if not endpoint:
        return None
    try:
        from controlplane.traces.spans import Spans
    except ImportError as error:
        raise ImproperlyConfigured(
            "OTEL_EXPORTER_OTLP_ENDPOINT asks for traces, and the packages that send them are not installed: "
            "install stoa[tracing], or unset the variable."
        ) from error
    return Spans(endpoint, service)
