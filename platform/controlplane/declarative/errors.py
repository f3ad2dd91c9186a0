"""What can go wrong with a configuration.

ConfigurationError
├── InvalidConfiguration   the document cannot be applied: `where` is the path in it
└── TooLargeToExport       the tenant has more than one document holds
"""

from __future__ import annotations


class ConfigurationError(Exception):
    """`code` is stable; `where` is a path in the document; `hint` says what to do."""

    code = "configuration_error"
    hint = ""
    where = ""


class InvalidConfiguration(ConfigurationError):
    code = "invalid_configuration"

    def __init__(self, message: str, where: str, hint: str = "") -> None:
        super().__init__(message)
        self.where = where
        self.hint = hint or "Correct what `where` points at and apply it again. Nothing was changed."


class TooLargeToExport(ConfigurationError):
    code = "configuration_too_large"
    hint = "Keep the source of large servers in a repository, and deploy them with `stoa deploy`."

    def __init__(self, what: str, limit: int) -> None:
        super().__init__(f"{what} is larger than {limit // 1024 // 1024} MB, which is what one document holds.")
