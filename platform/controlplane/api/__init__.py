"""The REST management API, version 1, and the health probes. Calls the same services as the dashboard."""
