"""Endpoints: published versions and the plan compiler."""
