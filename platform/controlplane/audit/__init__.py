"""The append-only record of who did what: `from controlplane.audit.services import record`. Imports no other app."""
