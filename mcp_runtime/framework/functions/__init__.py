"""From a Python function to a component: its signature, its schemas, how it is called and what it returns."""
