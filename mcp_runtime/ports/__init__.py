"""What the runtime asks of the outside, as Protocols and plain values."""
