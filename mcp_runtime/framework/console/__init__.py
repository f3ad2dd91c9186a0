"""`fastmcp run server.py` and its like, and the same verbs of the `stoa` command (FASTMCP 1.9)."""
