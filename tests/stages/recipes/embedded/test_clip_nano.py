"""Token numbers that do not depend on a hash table."""

from stages.recipes.embedded.clip_nano import numbered


def test_tokens_are_numbered_alike_whatever_their_order() -> None:
    vocab, merges = ["<s>", "c", "a", "b</w>", "a</w>", "ca", "cab</w>"], [("c", "a"), ("ca", "b</w>")]
    wanted = {"<s>": 0, "a": 1, "a</w>": 2, "b</w>": 3, "c": 4, "ca": 5, "cab</w>": 6}
    assert numbered(vocab, merges, ["<s>"]) == numbered(reversed(vocab), merges, ["<s>"]) == wanted
