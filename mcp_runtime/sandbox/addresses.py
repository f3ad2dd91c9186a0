"""Which network addresses are public: anybody's on the Internet, not ours, not the host's (SANDBOX 5).

From the IANA special-purpose address registries (RFC 6890 and its updates). An allow-list for IPv6: only 2000::/3 is
handed out, and inside it the forms that carry an IPv4 address are judged by that address, or refused when deprecated.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_IPV4 = tuple(
    (IPv4Network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "a carrier's shared network"),
        ("127.0.0.0/8", "this host"),
        ("169.254.0.0/16", "the local link, where cloud metadata is"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "an address reserved for protocols"),
        ("192.0.2.0/24", "an address reserved for documentation"),
        ("192.88.99.0/24", "a 6to4 relay"),
        ("192.168.0.0/16", "a private network"),
        ("198.18.0.0/15", "an address reserved for benchmarks"),
        ("198.51.100.0/24", "an address reserved for documentation"),
        ("203.0.113.0/24", "an address reserved for documentation"),
        ("224.0.0.0/4", "a multicast group"),
        ("240.0.0.0/4", "a reserved address"),
    )
)
# Azure answers metadata requests at a public-looking address (wire server).
_CLOUD = {IPv4Address("168.63.129.16"): "a cloud's metadata service"}

_GLOBAL_IPV6 = IPv6Network("2000::/3")
_IPV6 = tuple(
    (IPv6Network(network), name)
    for network, name in (
        ("2001::/23", "an address reserved for protocols, such as Teredo"),
        ("2001:db8::/32", "an address reserved for documentation"),
        ("2002::/16", "a 6to4 address, which is deprecated"),
        ("3fff::/20", "an address reserved for documentation"),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)


def why_not_public(address: str) -> str | None:
    """What `address` is instead of public; None when it is public. Never raises: what cannot be read is not public."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "no address"
    return _why_not_4(parsed) if isinstance(parsed, IPv4Address) else _why_not_6(parsed)


def _why_not_4(address: IPv4Address) -> str | None:
    if address in _CLOUD:
        return _CLOUD[address]
    return next((name for network, name in _IPV4 if address in network), None)


def _why_not_6(address: IPv6Address) -> str | None:
    if address.scope_id is not None:
        return "the local link"
    if address.ipv4_mapped is not None:
        return _why_not_4(address.ipv4_mapped)
    number = int(address)
    if address in _NAT64:  # RFC 6052: a network without IPv4 reaches it through these
        return _why_not_4(IPv4Address(number & 0xFFFF_FFFF))
    if address not in _GLOBAL_IPV6:
        return "an address that is not global"
    for network, name in _IPV6:
        if address in network:
            return name
    if (number >> 32) & 0xFFFF_FFFF in _ISATAP:  # RFC 5214: the interface identifier carries an IPv4 address
        return _why_not_4(IPv4Address(number & 0xFFFF_FFFF))
    return None
