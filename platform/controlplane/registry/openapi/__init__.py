"""Servers that are HTTP APIs: their OpenAPI documents, imported."""
