"""A tenant as one document: exported, compared, applied (docs/guides/configuration-as-code.md)."""
