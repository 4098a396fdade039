"""`fld trust`: the settings that `engine/api/trust.py` remembered, a line each."""

from engine.api import trust as api
from engine.console.terminal import out


def trust(corpus: str) -> None:
    """Trust the settings of a corpus and print them."""
    risks = api.trust(corpus)
    for risk in risks:
        out.print(f"trusted: {risk.path} = {risk.value} {risk.why}")
    if not risks:
        out.print("nothing to trust: no setting of this corpus runs code or sends secrets")
