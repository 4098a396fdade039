import pytest

from shards import layout


def test_names_are_as_drawn() -> None:
    assert layout.shard_name(7) == "000007"
    assert layout.raw_folder("detector", "3fa9c1") == "raw/detector-3fa9c1"
    assert layout.round_folder(0) == "rounds/00"
    assert layout.round_tar(12, "000007") == "rounds/12/shards/000007.tar"
    assert layout.manifest_path("images", "000007") == "images/manifest/000007.json"


@pytest.mark.parametrize(("call", "name"), [(layout.shard_name, "shard number"), (layout.round_folder, "round")])
def test_negative_numbers_are_refused(call: object, name: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=f"{name} must be at least 0, got -1"):
        call(-1)


@pytest.mark.parametrize("fingerprint", ["", "a/b", "a b"])
def test_a_fingerprint_that_is_no_folder_name_is_refused(fingerprint: str) -> None:
    with pytest.raises(ValueError, match="fingerprint must be letters, digits"):
        layout.raw_folder("detector", fingerprint)
