"""The client, in memory and over HTTP."""
