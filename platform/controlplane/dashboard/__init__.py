"""Pages for people. Holds no queries of its own: it calls services."""
