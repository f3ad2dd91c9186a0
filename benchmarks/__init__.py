"""Comparisons with other servers, in one run, on one machine: ratios, not records."""
