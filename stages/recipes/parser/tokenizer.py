"""spaCy's English tokenizer in, one that cuts words where the treebank does out.

    "Great!!! Call 713-853-3989 or e-mail me and/or wait till 5PM." ->
    Great | !!! | Call | 713-853-3989 | or | e-mail | me | and | / | or | wait | till | 5 | PM | .

A word cut differently than in the treebank is lost for tagger and parser, and often the heads of its neighbours with
it. These are the conventions of UD English EWT where spaCy's rules differ, as its training fold shows them. They are
saved with the pipeline: nothing of this is needed to read it.
"""

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spacy.language import Language

_RUNS = [r"[!?]{2,}", r"(?<!\.)\.[!?]", r"[-=*_~#]{2,}", r"\+{2,}", r"<{2,}", r">{2,}", r"\${2,}"]
"""Runs of a sign are one word: "!!!", "?!", "*****"."""
_PREFIXES = [r"[-~](?=[A-Za-z0-9])", r"@(?=[0-9])"]
_SUFFIXES = [
    r"(?<=[A-Za-z)])-",
    r"(?<=[A-Za-z])[/+]",
    r"(?<=[A-Za-z])`s",
    r"(?<=[0-9])(?:[AaPp][Mm]|[kK]|[Hh]rs?|yrs?|mins?|lbs?)",
]
_INFIXES = [
    r"(?<=[A-Za-z0-9.)])[()\[\]](?=[A-Za-z0-9.(])",
    r"(?<=[A-Za-z])[-,](?=[0-9])",
    r"(?<=[A-Za-z0-9]);(?=[A-Za-z])",
    r"(?<=[0-9a-z])[!?]+(?=[A-Za-z])",
]
_WHOLE = (
    r"(?:[0-9]{3}[-.])?(?:[0-9]{3}[-.]|[0-9]-)[0-9]{4}"  # telephone numbers
    r"|[0-9]{1,2}-[0-9]{1,2}-(?:[0-9]{2}|[0-9]{4})"  # dates
    r"|(?i:anti|co|e|ex|mid|multi|neo|non|over|post|pre|pro|re|semi|sub|un)-[A-Za-z]+"
)
_WORDS = (
    *("Attn.", "Capt.", "Ft.", "Lt.", "L.L.C.", "Thur.", "U.S.A.", "Wed.", "b/c", "l/c", "w/o"),
    *("wan|na", "out|ta", "du|n|no", "DO|NT", "CA|NT"),
)
"""Words that no rule gives, with their cuts."""


def fit_tokenizer(nlp: "Language") -> None:
    """Gives the tokenizer of `nlp`, spaCy's English one, the rules above before its own."""
    from spacy.util import compile_infix_regex, compile_prefix_regex, compile_suffix_regex

    tokenizer: Any = nlp.tokenizer
    rules = nlp.Defaults
    tokenizer.prefix_search = compile_prefix_regex([*_RUNS, *_PREFIXES, *(rules.prefixes or ())]).search
    tokenizer.suffix_search = compile_suffix_regex([*_RUNS, *_SUFFIXES, *(rules.suffixes or ())]).search
    tokenizer.infix_finditer = compile_infix_regex([*_RUNS, *_INFIXES, *(rules.infixes or ())]).finditer
    tokenizer.token_match = re.compile(rf"(?:{_WHOLE})$").match
    tokenizer.rules = {word: cut for word, cut in tokenizer.rules.items() if word != "and/or"}
    for word in _WORDS:
        tokenizer.add_special_case(word.replace("|", ""), [{"ORTH": part} for part in word.split("|")])
