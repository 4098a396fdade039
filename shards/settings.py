"""The base of every settings class: pydantic, frozen, unknown keys fail.

A settings class stands beside the code it configures (`filters/`, `stages/`, `specialists/`);
`engine/config/config.py` only puts them together. Each field has a description: `fld config` prints it as the comment
of that line.
"""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Immutable, validated, no unknown keys; equal settings dump to equal JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)
