import subprocess
import sys
from pathlib import Path

import pytest

from specialists.roles import RunStopError
from specialists.spending import Account, Limits, Spent, read_spent

BOOK = """
import sys
from pathlib import Path
from specialists.roles import RunStopError
from specialists.spending import Account, Limits
account, sent = Account(Path(sys.argv[1]), Limits(max_requests=25)), 0
try:
    while True:
        account.book()
        account.pay(3, 1)
        sent += 1
except RunStopError:
    print(sent)
"""


def test_what_is_booked_is_in_the_file_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "costs" / "describer.json"
    account = Account(path, Limits())
    account.book()
    account.pay(20, 5)
    Account(path, Limits()).book()
    assert read_spent(path) == Spent(requests=2, prompt_tokens=20, completion_tokens=5)


def test_several_processes_together_send_no_more_than_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "describer.json"
    running = [
        subprocess.Popen([sys.executable, "-c", BOOK, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    assert sum(int(each.communicate()[0]) for each in running) == 25
    assert read_spent(path) == Spent(25, 75, 25)


@pytest.mark.parametrize("name", ["max_requests", "max_total_tokens"])
def test_a_limit_ends_it_before_the_next_request(tmp_path: Path, name: str) -> None:
    path = tmp_path / "describer.json"
    account = Account(path, Limits(**{name: 1}))
    account.book()
    account.pay(1, 1)
    with pytest.raises(RunStopError, match=rf"budget spent, {name} is 1 \(of all runs together, in .*raise it"):
        account.book()
    assert read_spent(path).requests == 1


def test_without_a_file_the_account_is_the_processes_own() -> None:
    account = Account(None, Limits(max_requests=1))
    account.book()
    with pytest.raises(RunStopError, match="budget spent, max_requests is 1: raise it to go on"):
        account.book()
