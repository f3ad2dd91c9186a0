"""Tasks under faults: `python -m tests.faults.tasks` runs them on a platform of its own, injures it, and judges what
clients saw (`make faults`)."""
