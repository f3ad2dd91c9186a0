"""Who hears what, inside one process."""

from __future__ import annotations

import logging
from collections.abc import Callable

from mcp_runtime.ports.sessions import Listener

log = logging.getLogger("stoa.sessions")


class Topics:
    """Listeners by topic. Telling costs nothing where nobody listens."""

    def __init__(self) -> None:
        self._listeners: dict[str, dict[object, Listener]] = {}

    def hear(self, topic: str, listener: Listener) -> Callable[[], None]:
        token = object()
        self._listeners.setdefault(topic, {})[token] = listener

        def stop() -> None:
            listeners = self._listeners.get(topic)
            if listeners is not None and listeners.pop(token, None) is not None and not listeners:
                del self._listeners[topic]

        return stop

    def tell(self, topic: str, message: bytes) -> None:
        for listener in tuple(self._listeners.get(topic, {}).values()):
            try:
                listener(message)
            except Exception:
                # One that cannot understand what it hears must not make the others deaf.
                log.exception("What was told to %s was not understood.", topic.partition(":")[0])

    @property
    def heard(self) -> int:
        """Topics that somebody hears: none may be left over once all is quiet."""
        return len(self._listeners)
