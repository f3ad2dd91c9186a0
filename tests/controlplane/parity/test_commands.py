"""Whatever the management API changes a command can change.

The table stands apart from both on purpose: a new operation fails here until it is written down with its command, or
with the reason why it has none.
"""

from __future__ import annotations

import re

from controlplane.cli.main import app
from tests.controlplane.parity.test_pages import operations

COMMANDS: dict[str, set[str]] = {
    "apply": {"configuration_apply"},
    "deploy": {"servers_create", "revisions_create"},
    "allow": {"servers_set_hosts"},
    "rollback": {"servers_roll_back"},
    "secrets set": {"secrets_set"},
    "secrets rm": {"secrets_delete"},
    "remote set": {"servers_set_remote"},
    "remote refresh": {"servers_refresh"},
    "remote probe": {"remotes_probe"},
    "openapi add": {"servers_set_openapi"},
    "openapi sync": {"servers_sync_openapi"},
    "openapi preview": {"openapi_preview"},
    "static set": {"servers_set_static"},
    "connections connect": {"connection_begin"},
    "connections token": {"connection_set_token"},
    "connections revoke": {"connection_end"},
    "connections upstream set": {"upstream_set"},
    "connections upstream rm": {"upstream_remove"},
    "endpoints create": {"endpoints_create"},
    "endpoints set": {"endpoints_set_draft"},
    "endpoints discard": {"endpoints_discard_draft"},
    "endpoints publish": {"endpoints_publish"},
    "endpoints approve": {"endpoints_approve"},
    "endpoints refuse": {"endpoints_refuse"},
    "endpoints rollback": {"endpoints_roll_back"},
    "endpoints clone": {"endpoints_clone"},
    "providers add": {"identity_providers_create"},
    "providers set": {"identity_providers_change"},
    "providers rm": {"identity_providers_delete"},
    "providers test": {"identity_providers_check"},
    "providers enable": {"identity_providers_enable"},
    "providers disable": {"identity_providers_disable"},
    "members invite": {"invitations_create"},
    "members withdraw": {"invitations_withdraw"},
    "members role": {"members_change"},
    "members rm": {"members_remove"},
    "keys create": {"keys_create", "personal_keys_create"},
    "keys rotate": {"keys_rotate", "personal_keys_rotate"},
    "keys revoke": {"keys_revoke", "personal_keys_revoke"},
    "programs add": {"programs_create"},
    "programs rm": {"programs_remove"},
    "logins revoke": {"logins_revoke"},
    "revoke-everything": {"revoke_everything"},
    "tasks cancel": {"tasks_cancel"},
    "tasks retry": {"tasks_retry"},
    "tenant set": {"tenant_change"},
    "tenant rotate-data-key": {"data_keys_rotate"},
    "tenant rotate-signing-key": {"signing_keys_rotate"},
    "tenant delete": {"tenant_delete"},
}
"""The command, and the operations that it asks for."""

_SIGNED_IN = "who administers the installation is a person, signed in; a key is a tenant's"
WITHOUT_A_COMMAND = {
    "endpoints_preview_composition": "changes nothing; `stoa endpoints preview` shows a saved draft",
    "installation_tenants_create": _SIGNED_IN,
    "installation_tenants_change": _SIGNED_IN,
    "installation_tenants_delete": _SIGNED_IN,
}


def test_every_change_of_the_api_has_a_command() -> None:
    by_commands = {operation for found in COMMANDS.values() for operation in found}

    assert operations() - by_commands - WITHOUT_A_COMMAND.keys() == set(), "say above by which command"
    assert (by_commands | WITHOUT_A_COMMAND.keys()) - operations() == set(), "is no operation any more"
    assert not by_commands & WITHOUT_A_COMMAND.keys()


def test_every_command_of_the_table_is_there() -> None:
    for command in COMMANDS:
        found, _, rest = app.parse_commands(command.split())

        assert (found, rest) == (tuple(command.split()), []), command


def test_every_exception_has_a_reason() -> None:
    assert all(re.fullmatch(r"[a-z].{5,}", reason) for reason in WITHOUT_A_COMMAND.values())
