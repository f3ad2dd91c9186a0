"""Identity providers of the tests' own: HTTP servers that do what the real ones' documentation says they do."""
