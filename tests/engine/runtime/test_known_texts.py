"""Texts that are not read twice: in a process, in a shard, after damage, under other rules."""

import pytest

from engine.runtime.known_texts import KnownTexts
from filters.parser import ParsedText, Parser, ParserSettings
from shards.store import Store, open_store
from tests.stages.fuse.builders import WordCounter

PARSER = {"pipeline": "words"}


class CountingParser(WordCounter):
    """Remembers what it was asked to read."""

    def __init__(self) -> None:
        self.read: list[str] = []

    def parse(self, texts: list[str]) -> list[ParsedText]:
        self.read += texts
        return super().parse(texts)


@pytest.fixture
def store(request: pytest.FixtureRequest) -> Store:
    return open_store(f"memory://{request.node.name}")


def process(store: Store, parser: CountingParser, fingerprint: dict[str, str] = PARSER) -> KnownTexts:
    return KnownTexts(store, fingerprint, lambda: parser)


def test_the_bundled_parser_says_the_same_when_it_is_remembered(store: Store) -> None:
    real = Parser(ParserSettings())
    real.load()
    texts = ["a brown dog chases two balls", "", "Zoë's red hat on a table", "a brown dog chases two balls"]
    first = KnownTexts(store, real.fingerprint(), lambda: real).of("000000")
    assert first.parse(texts) == real.parse(texts)
    first.keep()

    def nobody() -> Parser:
        raise AssertionError("the texts are on disk")

    assert KnownTexts(store, real.fingerprint(), nobody).of("000000").parse(texts) == real.parse(texts)


def test_a_process_reads_a_text_once_whatever_the_shard(store: Store) -> None:
    parser = CountingParser()
    texts = process(store, parser)
    texts.of("000000").parse(["a dog", "a cat", "a dog"])
    texts.of("000001").parse(["a cat", "a bird"])
    assert parser.read == ["a dog", "a cat", "a bird"]


def test_the_next_process_reads_only_what_is_new_in_its_shard(store: Store) -> None:
    first = process(store, CountingParser()).of("000000")
    first.parse(["a dog", "a cat"])
    first.keep()
    parser = CountingParser()
    later = process(store, parser).of("000000")
    assert [each.features.tokens for each in later.parse(["a cat", "a very old bird"])] == [2, 4]
    assert parser.read == ["a very old bird"]
    later.keep()
    last = CountingParser()
    process(store, last).of("000000").parse(["a dog", "a cat", "a very old bird"])
    assert last.read == []


def test_what_is_not_kept_is_not_written(store: Store) -> None:
    process(store, CountingParser()).of("000000").parse(["a dog"])
    assert list(store.walk()) == []


def test_another_parser_finds_nothing(store: Store) -> None:
    first = process(store, CountingParser()).of("000000")
    first.parse(["a dog"])
    first.keep()
    parser = CountingParser()
    process(store, parser, {"pipeline": "letters"}).of("000000").parse(["a dog"])
    assert parser.read == ["a dog"]


@pytest.mark.parametrize("place", [0, 5, 22, -1])  # 22: how many tokens "a dog" has
def test_damaged_facts_are_read_again(store: Store, place: int) -> None:
    first = process(store, CountingParser()).of("000000")
    first.parse(["a dog"])
    first.keep()
    [path] = [path for path in store.walk() if path.endswith(".facts")]
    damaged = bytearray(store.read(path))
    damaged[place] ^= 1
    store.write(path, [bytes(damaged)])
    parser = CountingParser()
    again = process(store, parser).of("000000")
    assert again.parse(["a dog"])[0].features.tokens == 2
    assert parser.read == ["a dog"]
    again.keep()
    whole = CountingParser()
    process(store, whole).of("000000").parse(["a dog"])
    assert whole.read == []


def test_lost_facts_are_read_again(store: Store) -> None:
    first = process(store, CountingParser()).of("000000")
    first.parse(["a dog"])
    first.keep()
    for path in list(store.walk()):
        if path.endswith(".facts"):
            store.remove(path)
    parser = CountingParser()
    process(store, parser).of("000000").parse(["a dog"])
    assert parser.read == ["a dog"]


def test_a_process_remembers_so_many_texts(store: Store) -> None:
    parser = CountingParser()
    texts = KnownTexts(store, PARSER, lambda: parser, max_recent=2)
    texts.of("000000").parse(["one", "two", "three"])
    texts.of("000001").parse(["three", "one"])
    assert parser.read == ["one", "two", "three", "one"]
