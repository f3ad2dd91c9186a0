"""Pages: no queries of their own, they call services."""
