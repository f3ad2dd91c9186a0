"""Servers made of servers: mounting, importing, proxies, transformed tools (FASTMCP 1.11)."""
