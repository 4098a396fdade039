"""What an error says of a URL that the user typed."""

import pytest

from engine.console.cleaning import without_secrets
from engine.console.exit_codes import report_error
from shards.errors import InputError


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("source http://ann:p@w@h/l.csv?sig=S: no column", "source http://***@h/l.csv?*** no column"),
        ("'s3://key:secret@bucket/x' and 'https://h/?a=b'", "'s3://***@bucket/x' and 'https://h/?***'"),
        ("what?why me@home", "what?why me@home"),
        ("http://h/a@b.jpg", "http://h/a@b.jpg"),
    ],
)
def test_urls_are_without_secrets(text: str, wanted: str) -> None:
    assert without_secrets(text) == wanted


def test_every_error_is_printed_without_them(capsys: pytest.CaptureFixture[str]) -> None:
    report_error(InputError("source http://ann:SECRET@h/l.csv?sig=SECRET: is no list"))
    assert capsys.readouterr().err == "Error: source http://***@h/l.csv?*** is no list\n"
