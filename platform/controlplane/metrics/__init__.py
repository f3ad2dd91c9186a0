"""What a process tells Prometheus. No tenant, name, subject or address is ever a label: cardinality stays bounded, and
nothing of a tenant is shown to whoever watches the platform."""
