"""Which hosts an image list may make this machine talk to.

A list from the internet can name `http://169.254.169.254/...` (cloud credentials) or `http://localhost:8265` (a Ray
dashboard), directly, through DNS or through a redirect. So every hop is resolved here, all its addresses are checked,
and the connection goes to the very addresses that were checked: a name cannot change its mind in between.
"""

import ipaddress
import socket
from collections.abc import Callable

from shards.errors import InputError

Address = str
Resolve = Callable[[str, int], list[Address]]
"""host, port -> IP addresses. Raises OSError for a host that has none."""

_GLOBAL = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class RefusedAddressError(InputError):
    """A host that resolves to an address outside the public internet."""


def resolve(host: str, port: int) -> list[Address]:
    """What the system's resolver says, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def checked_addresses(host: str, port: int, allow_private: bool, look_up: Resolve = resolve) -> list[Address]:
    """Addresses of `host`, all of them public unless `allow_private`. One private address refuses the host: a name
    that mixes both is either a mistake or an attack.

    Raises RefusedAddressError; OSError when the name has no address."""
    addresses = look_up(host, port)
    if not allow_private:
        for address in addresses:
            if not is_public(address):
                raise RefusedAddressError(
                    f"{host} is at {address}, which is not a public address: set ingest.fetch.allow_private to allow it"
                )
    return addresses


def is_public(address: Address) -> bool:
    """False for private, loopback, link-local, shared (100.64/10), multicast, reserved and unspecified addresses.

    Of IPv6 only 2000::/3 is the public internet (RFC 4291, IANA's registry); what else is public wraps an IPv4 address
    that is: mapped (::ffff:0:0/96) and NAT64 (64:ff9b::/96). So the older forms (IPv4-compatible ::/96, translated,
    site-local) need no names here. 6to4 lies within 2000::/3 and leads to the IPv4 address in it."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    inner = ip.ipv4_mapped or ip.sixtofour
    if inner is None and ip in _NAT64:
        inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return is_public(str(inner)) if inner is not None else ip in _GLOBAL and ip.is_global
