"""A whole installation on one machine: embedded PostgreSQL and Redis, `stoa up`, the tests' services.

Nothing here is imported by production settings: production names its services by URL.
"""
