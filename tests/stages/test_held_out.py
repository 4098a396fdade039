from hashlib import sha256

import pytest

from stages.held_out import is_held_out

HASHES = [sha256(str(i).encode()).hexdigest() for i in range(2000)]


def test_about_the_share_is_held_out_and_a_larger_share_holds_out_more() -> None:
    small = {each for each in HASHES if is_held_out(each, 0.1)}
    large = {each for each in HASHES if is_held_out(each, 0.3)}
    assert 150 < len(small) < 250
    assert small < large


def test_nothing_and_everything() -> None:
    assert not any(is_held_out(each, 0.0) for each in HASHES)
    assert all(is_held_out(each, 1.0) for each in HASHES)


def test_the_split_never_changes() -> None:
    assert is_held_out("00000000" + "f" * 56, 1e-9)
    assert is_held_out("19999999" + "0" * 56, 0.1)
    assert not is_held_out("1999999a" + "0" * 56, 0.1)


def test_what_is_no_share_and_no_hash_is_refused() -> None:
    with pytest.raises(ValueError, match=r"held-out share must be in \[0, 1\], got 1.5"):
        is_held_out(HASHES[0], 1.5)
    with pytest.raises(ValueError, match="sha256 must be hex digits, got ''"):
        is_held_out("", 0.5)
