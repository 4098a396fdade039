"""`fld trust`: the settings that `engine/api/trust.py` remembered, a line each."""

from engine.api import trust as api
from engine.console.terminal import out


def trust(corpus: str) -> None:
    """Trust the settings of a corpus and print them."""
    found = api.trust(corpus)
    for each in found:
        out.print(f"trusted: {each.path} = {each.value} {each.why}")
    if not found:
        out.print("nothing to trust: no setting of this corpus runs code or sends secrets")
