"""What the benchmarks serve: the same tool, by us and by others."""


def tool_names(count: int) -> list[str]:
    """`add`, and as many beside it as make `count`."""
    return ["add", *(f"tool_{number}" for number in range(count - 1))]
