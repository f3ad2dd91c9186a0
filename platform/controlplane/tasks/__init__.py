"""Calls that go on in the background: durable rows, the leases of those who run them, and the port gateways use."""
