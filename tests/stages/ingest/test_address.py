import pytest

from stages.ingest.address import RefusedAddressError, checked_addresses, is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # cloud metadata
        "100.64.0.1",  # carrier-grade NAT
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",  # IPv4 inside IPv6
        "2002:7f00:1::",  # 6to4 of 127.0.0.1
        "64:ff9b::a9fe:a9fe",  # NAT64 of 169.254.169.254
        "64:ff9b:1::a9fe:a9fe",  # NAT64 of one's own network
        "::127.0.0.1",  # IPv4-compatible
        "::ffff:0:127.0.0.1",  # translated (SIIT)
        "fec0::1",  # site-local
        "2001::1",  # Teredo
        "2001:db8::1",
        "100::1",  # discard only
    ],
)
def test_addresses_inside_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_addresses_outside_are_public(address: str) -> None:
    assert is_public(address)


def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    with pytest.raises(RefusedAddressError, match=r"two\.example is at 10\.0\.0\.1, .* ingest\.fetch\.allow_private"):
        checked_addresses("two.example", 80, False, lambda host, port: ["8.8.8.8", "10.0.0.1"])


def test_allow_private_allows_it() -> None:
    assert checked_addresses("here", 80, True, lambda host, port: ["10.0.0.1"]) == ["10.0.0.1"]
