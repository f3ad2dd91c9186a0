"""Servers and their revisions: deploys, builds, logs, activation and rollback."""
