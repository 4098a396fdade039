"""A seed in, parsed captions out: a small grammar that writes image captions together with their gold trees.

    captions(Random(7), 1) -> [Sentence(words=("a", "small", "dog", "sitting", "on", "a", "bench"), ...)]

The treebank is web text: it has no "man riding a wave on a surfboard", and a parser trained on it alone takes such
noun phrases for clauses. The grammar gives the parser the shapes of captions (a noun phrase as root, participles,
chains of prepositions, "there is", "the image shows") in the treebank's own annotation style.
"""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from stages.recipes.parser.treebank import Sentence

_LEXICON = Path(__file__).with_name("lexicon.txt")
_VOWELS = "aeiou"


@dataclass
class _Node:
    """A word with its dependents on either side, nearest last on the left and nearest first on the right."""

    word: str
    tag: str
    left: "list[tuple[str, _Node]]" = field(default_factory=list)
    right: "list[tuple[str, _Node]]" = field(default_factory=list)


def captions(rng: Random, count: int) -> list[Sentence]:
    """`count` captions, the same for the same state of `rng`."""
    grammar = _Grammar(rng)
    return [grammar.sentence() for _ in range(count)]


def _lexicon() -> dict[str, list[list[str]]]:
    """`kind: entry, entry, ...` per line; the forms of an entry are parted by slashes."""
    lexicon: dict[str, list[list[str]]] = {}
    for line in _LEXICON.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, entries = line.split(":", 1)
            lexicon[kind] = [entry.strip().split("/") for entry in entries.split(",")]
    return lexicon


class _Grammar:
    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.words = _lexicon()

    def sentence(self) -> Sentence:
        shapes = (self._phrase, self._clause, self._passive, self._existential, self._copular, self._shows)
        root = self.rng.choices(shapes, weights=(9, 6, 1, 3, 3, 1))[0]()
        if self._chance(0.15):
            scene = self._pick("scene")[0]
            place = self._noun_node(scene, "NOUN", [("case", _Node("in", "ADP")), ("det", _Node("the", "DET"))])
            root.left.insert(0, ("obl", place))
            root.left.insert(1, ("punct", _Node(",", "PUNCT")))
        if self._chance(0.6):
            root.right.append(("punct", _Node(".", "PUNCT")))
        return _linearize(root, capital=self._chance(0.6))

    def _phrase(self) -> _Node:
        """A man riding a wave on a surfboard"""
        noun = self._subject(bare=0.15)
        shape = self.rng.random()
        if shape < 0.55:
            noun.right.append(("acl", self._verb("ing")))
        elif shape < 0.7:
            noun.right.append(("acl", self._participle()))
        elif shape < 0.85:
            noun.right.append(("nmod", self._place()))
        elif shape < 0.95:
            noun.right.append(("acl:relcl", self._relative()))
        if self._chance(0.2):
            noun.right.append(("nmod", self._with()))
        return noun

    def _relative(self) -> _Node:
        verb = self._verb("ing")
        verb.left = [("nsubj", _Node("that", "PRON")), ("aux", _Node("is", "AUX"))]
        return verb

    def _clause(self) -> _Node:
        """A man is riding a wave; a man rides a wave"""
        subject, plural = self._counted_subject(bare=0.1)
        if self._chance(0.5):
            verb = self._verb("ing")
            verb.left = [("nsubj", subject), ("aux", _Node("are" if plural else "is", "AUX"))]
        else:
            verb = self._verb("base" if plural else "s")
            verb.left = [("nsubj", subject)]
        if self._chance(0.15):
            clause = self._verb("ing")
            clause.left = [("mark", _Node("while", "SCONJ"))] if self._chance(0.5) else []
            verb.right.append(("advcl", clause))
        elif self._chance(0.15):
            other = self._verb("ing" if verb.left[-1][0] == "aux" else "base" if plural else "s")
            other.left = [("cc", _Node("and", "CCONJ"))]
            verb.right.append(("conj", other))
        return verb

    def _passive(self) -> _Node:
        subject, plural = self._counted_subject(bare=0.1)
        verb = self._participle()
        verb.left = [("nsubj:pass", subject), ("aux:pass", _Node("are" if plural else "is", "AUX"))]
        return verb

    def _existential(self) -> _Node:
        """There is a dog on the couch; UD takes `is` for the root and calls it a verb"""
        noun, plural = self._counted_subject(bare=0)
        noun.right.append(("nmod", self._place()) if self._chance(0.6) else ("acl", self._verb("ing")))
        return _Node("are" if plural else "is", "VERB", [("expl", _Node("there", "PRON"))], [("nsubj", noun)])

    def _copular(self) -> _Node:
        """The dog is brown; the dog is on the couch"""
        subject, plural = self._counted_subject(bare=0)
        root = self._place() if self._chance(0.6) else self._adjective()
        root.left[:0] = [("nsubj", subject), ("cop", _Node("are" if plural else "is", "AUX"))]
        return root

    def _shows(self) -> _Node:
        """The image shows a man riding a horse"""
        noun = self._phrase()
        picture = _Node(self.rng.choice(["image", "picture", "photo"]), "NOUN", [("det", _Node("the", "DET"))])
        return _Node(self.rng.choice(["shows", "depicts", "features"]), "VERB", [("nsubj", picture)], [("obj", noun)])

    def _verb(self, form: str) -> _Node:
        """A verb with its objects and places; form: ing, s or base."""
        column = ("base", "s", "ing").index(form)
        if self._chance(0.55):
            verb = _Node(self._pick("transitive")[column], "VERB")
            verb.right.append(("obj", self._thing()))
            if self._chance(0.45):
                verb.right.append(("obl", self._place()))
        else:
            forms = self._pick("intransitive")
            verb = _Node(forms[column], "VERB")
            if self._chance(0.12):
                verb.right.append(("advmod", _Node(self.rng.choice(["together", "outside", "around", "away"]), "ADV")))
            if self._chance(0.85):
                verb.right.append(("obl", self._place()))
        return verb

    def _participle(self) -> _Node:
        """covered in snow, parked on the street"""
        verb, preposition = self._pick("participle")
        place = self._thing()
        place.left.insert(0, ("case", _Node(preposition, "ADP")))
        return _Node(verb, "VERB", [], [("obl", place)])

    def _place(self) -> _Node:
        """on a wooden bench; in front of a house; next to two dogs"""
        noun = self._noun("place" if self._chance(0.6) else "thing")
        if self._chance(0.15):
            noun.right.append(("nmod", self._with()))
        if self._chance(0.15):
            side, preposition = self.rng.choice([("front", "in"), ("top", "on"), ("side", "on"), ("back", "in")])
            noun.left.insert(0, ("case", _Node("of", "ADP")))
            outer = _Node(side, "NOUN", [("case", _Node(preposition, "ADP"))], [("nmod", noun)])
            if side in ("side", "back"):
                outer.left.append(("det", _Node("the", "DET")))
            return outer
        if self._chance(0.1):
            noun.left[:0] = [("case", _Node("next", "ADP")), ("case", _Node("to", "ADP"))]
        else:
            noun.left.insert(0, ("case", _Node(self._pick("preposition")[0], "ADP")))
        return noun

    def _with(self) -> _Node:
        noun = self._thing()
        noun.left.insert(0, ("case", _Node("with", "ADP")))
        return noun

    def _subject(self, bare: float) -> _Node:
        return self._counted_subject(bare)[0]

    def _counted_subject(self, bare: float) -> tuple[_Node, bool]:
        """A noun phrase and whether it is plural; `bare`: how often it has no determiner ("man riding a horse")."""
        kind = self.rng.choices(("person", "animal", "thing"), weights=(5, 2, 3))[0]
        noun, plural = self._counted_noun(kind, bare)
        if self._chance(0.12):
            group = self._pick("group")[0]
            inner = self._counted_noun(kind, 1.0, plural=True)[0]
            inner.left.insert(0, ("case", _Node("of", "ADP")))
            return self._noun_node(group, "NOUN", [("det", _article(group))], [("nmod", inner)]), False
        if self._chance(0.12):
            other = self._noun(kind)
            other.left.insert(0, ("cc", _Node("and", "CCONJ")))
            noun.right.append(("conj", other))
            return noun, True
        return noun, plural

    def _thing(self) -> _Node:
        """a red frisbee; a bowl of fruit; some food"""
        if self._chance(0.1):
            whole, part = self._pick("portion"), self._pick("mass")[0]
            inner = _Node(part, "NOUN", [("case", _Node("of", "ADP"))])
            return self._noun_node(whole[0], "NOUN", [("det", _article(whole[0]))], [("nmod", inner)])
        noun = self._noun("thing")
        if self._chance(0.1):
            other = self._noun("thing")
            other.left.insert(0, ("cc", _Node("and", "CCONJ")))
            noun.right.append(("conj", other))
        return noun

    def _noun(self, kind: str) -> _Node:
        return self._counted_noun(kind, bare=0.05)[0]

    def _counted_noun(self, kind: str, bare: float, plural: bool | None = None) -> tuple[_Node, bool]:
        forms = self._pick(kind)
        plural = self._chance(0.3) if plural is None else plural
        name = (forms[1] if plural else forms[0]).split(" ")
        left = [("amod", self._adjective()) for _ in range(self.rng.choices((0, 1, 2), weights=(6, 4, 1))[0])]
        if len(left) == 2 and self._chance(0.5):  # "a black and white dog": the second colour hangs on the first
            second = left.pop()[1]
            second.left.insert(0, ("cc", _Node("and", "CCONJ")))
            left[0][1].right.append(("conj", second))
        left += [("compound", _Node(part, "NOUN")) for part in name[:-1]]
        node = self._noun_node(name[-1], "NOUN", left)
        if not self._chance(bare):
            node.left.insert(0, self._determiner(node, plural))
        return node, plural

    def _determiner(self, node: _Node, plural: bool) -> tuple[str, _Node]:
        if self._chance(0.25):
            return "det", _Node("the", "DET")
        if self._chance(0.08):
            return "nmod:poss", _Node(self.rng.choice(["his", "her", "its", "their"]), "PRON")
        if not plural:
            return "det", _article(_first(node))
        word = self.rng.choice(["two", "three", "four", "several", "some", "many"])
        if word in ("several", "many"):
            return "amod", _Node(word, "ADJ")
        return ("det", _Node(word, "DET")) if word == "some" else ("nummod", _Node(word, "NUM"))

    def _adjective(self) -> _Node:
        return _Node(self._pick("adjective")[0], "ADJ")

    def _noun_node(
        self,
        word: str,
        tag: str,
        left: list[tuple[str, _Node]],
        right: list[tuple[str, _Node]] | None = None,
    ) -> _Node:
        return _Node(word, tag, list(left), list(right or []))

    def _pick(self, kind: str) -> list[str]:
        return self.rng.choice(self.words[kind])

    def _chance(self, share: float) -> bool:
        return self.rng.random() < share


def _article(next_word: _Node | str) -> _Node:
    word = next_word if isinstance(next_word, str) else next_word.word
    return _Node("an" if word[0] in _VOWELS else "a", "DET")


def _first(node: _Node) -> str:
    return _first(node.left[0][1]) if node.left else node.word


def _linearize(root: _Node, capital: bool) -> Sentence:
    words: list[str] = []
    tags: list[str] = []
    heads: list[int] = []
    deps: list[str] = []

    def visit(node: _Node, dep: str) -> int:
        children = [visit(child, label) for label, child in node.left]
        place = len(words)
        words.append(node.word)
        tags.append(node.tag)
        deps.append(dep)
        heads.append(place)
        children += [visit(child, label) for label, child in node.right]
        for child in children:
            heads[child] = place
        return place

    visit(root, "root")
    if capital:
        words[0] = words[0].capitalize()
    spaces = tuple(index + 1 < len(words) and words[index + 1] not in ",." for index in range(len(words)))
    return Sentence(tuple(words), spaces, tuple(tags), tuple(heads), tuple(deps))
