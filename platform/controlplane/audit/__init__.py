"""The append-only record of who did what. Imports no other app."""
