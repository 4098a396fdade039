"""A task with a deadline, for libraries that know none: `within(600, lambda: store.cat_file("list.csv"))`."""

import threading
from collections.abc import Callable
from concurrent.futures import Future

from stages.ingest.http import FetchError


def within(limit_s: float, task: Callable[[], bytes]) -> bytes:
    """What `task` returns, or whatever it raises; FetchError "timeout" after `limit_s`. The
    thread of a task that hangs is left behind; it ends with the process at the latest."""
    answer: Future[bytes] = Future()

    def run() -> None:
        try:
            answer.set_result(task())
        except BaseException as error:  # noqa: BLE001  # nothing ends here: all of it is raised where it is waited for
            answer.set_exception(error)

    threading.Thread(target=run, name="read-with-deadline", daemon=True).start()
    try:
        return answer.result(limit_s)
    except TimeoutError as error:
        raise FetchError("timeout", f"longer than {limit_s:g} s (ingest.fetch.list_timeout_s)") from error
