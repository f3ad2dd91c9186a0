"""The REST management API, version 1."""
