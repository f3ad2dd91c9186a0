"""The stoa command."""
