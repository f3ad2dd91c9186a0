"""Endpoints: what clients connect to. Mounts, published versions, the plan compiler and the gateways' catalogue."""
