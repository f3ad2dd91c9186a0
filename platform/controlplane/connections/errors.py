"""What can go wrong with connections. The messages may be shown to whoever asked."""

from __future__ import annotations


class ConnectionsError(Exception):
    """Base. `code` and `hint` are for the answer of the API."""

    code = "connection_error"
    hint = ""


class NoUpstreamLogin(ConnectionsError):
    code = "no_upstream_login"
    hint = "Say first how its callers log in: PUT …/servers/<name>/upstream."

    def __init__(self) -> None:
        super().__init__("Nobody can connect to this server.")


class NotAPerson(ConnectionsError):
    code = "not_a_person"
    hint = "Sign in, or use `stoa login`."

    def __init__(self) -> None:
        super().__init__("Every caller of this server has a connection of their own, and only people can log in.")


class UpstreamLoginFailed(ConnectionsError):
    """The upstream or its authorization server does not do what it has to."""

    code = "upstream_login_failed"
    hint = "Try again; else ask whoever runs that server."


class LoginNotYours(ConnectionsError):
    code = "login_not_yours"
    hint = "Begin again from the server's page."

    def __init__(self) -> None:
        super().__init__("This log-in was not begun here, took too long, or has been used.")
