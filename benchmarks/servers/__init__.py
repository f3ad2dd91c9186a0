"""What the benchmarks serve: the same tool, by us and by others."""
