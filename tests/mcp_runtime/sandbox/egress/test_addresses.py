"""Which addresses are public, in every spelling that has been used to get around such a list."""

from __future__ import annotations

import pytest

from mcp_runtime.sandbox.addresses import why_not_public

PUBLIC = ["8.8.8.8", "1.1.1.1", "151.101.0.223", "2606:4700:4700::1111", "2a00:1450:4001:830::200e"]
PUBLIC_BY_WHAT_THEY_CARRY = ["::ffff:8.8.8.8", "64:ff9b::808:808", "2a00:1450::200:5efe:808:808"]

NOT_PUBLIC = {
    "loopback": "127.0.0.1",
    "loopback's other end": "127.255.255.254",
    "this host": "0.0.0.0",
    "private 10": "10.1.2.3",
    "private 172": "172.31.255.255",
    "private 192": "192.168.1.1",
    "carrier-grade NAT": "100.64.0.1",
    "link-local": "169.254.1.1",
    "cloud metadata": "169.254.169.254",
    "container metadata": "169.254.170.2",
    "Azure's wire server": "168.63.129.16",
    "Alibaba's metadata": "100.100.100.200",
    "documentation": "203.0.113.80",
    "benchmarks": "198.19.0.1",
    "protocols": "192.0.0.170",
    "6to4 relay": "192.88.99.1",
    "multicast": "239.1.1.1",
    "reserved": "250.0.0.1",
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "IPv6 link-local": "fe80::1",
    "IPv6 link-local with a zone": "fe80::1%lo",
    "IPv6 global with a zone": "2606:4700::1%lo",
    "IPv6 site-local": "fec0::1",
    "IPv6 unique local": "fd00:ec2::254",
    "IPv6 multicast": "ff02::1",
    "IPv6 documentation": "2001:db8::1",
    "IPv6 documentation, the new one": "3fff::1",
    "IPv6 discard": "100::1",
    "SRv6": "5f00::1",
    "mapped loopback": "::ffff:127.0.0.1",
    "mapped loopback in hexadecimal": "::ffff:7f00:1",
    "mapped private": "::ffff:10.0.0.1",
    "mapped metadata": "::ffff:a9fe:a9fe",
    "compatible loopback": "::127.0.0.1",
    "translated loopback": "::ffff:0:127.0.0.1",
    "NAT64 loopback": "64:ff9b::127.0.0.1",
    "NAT64 private": "64:ff9b::a00:1",
    "NAT64 metadata": "64:ff9b::a9fe:a9fe",
    "local NAT64": "64:ff9b:1::808:808",
    "6to4 loopback": "2002:7f00:1::",
    "6to4 private": "2002:a00:1::1",
    "6to4 public": "2002:808:808::1",
    "Teredo": "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "ORCHID": "2001:10::1",
    "ISATAP loopback": "2a00:1450::5efe:7f00:1",
    "ISATAP private": "2a00:1450::200:5efe:10.0.0.1",
    "a name": "localhost",
    "decimal": "2130706433",
    "hexadecimal": "0x7f000001",
    "octal": "0177.0.0.1",
    "short": "127.1",
    "bracketed": "[::1]",
    "nothing": "",
}


@pytest.mark.parametrize("address", [*PUBLIC, *PUBLIC_BY_WHAT_THEY_CARRY])
def test_a_public_address_is_public(address: str) -> None:
    assert why_not_public(address) is None


@pytest.mark.parametrize("address", NOT_PUBLIC.values(), ids=NOT_PUBLIC.keys())
def test_any_other_address_is_not_public(address: str) -> None:
    assert why_not_public(address)
