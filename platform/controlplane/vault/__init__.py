"""Sealed credentials: written, listed by fingerprint, opened only for the sandbox."""
