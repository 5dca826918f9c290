"""A call in a thread of its own, which can be left alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

_T = TypeVar("_T")


def aside(name: str, call: Callable[[], _T], discard: Callable[[_T], None]) -> Future[_T]:
    """Begin a call that nothing can interrupt, such as looking up a name.

    Whoever waits for it may be freed by ``cancel()`` at any moment; the call ends by itself later.

    Args:
        discard: gets the result that nobody waits for any more.
    """
    future: Future[_T] = Future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:
            if future.set_running_or_notify_cancel():
                future.set_exception(error)
            return
        if future.set_running_or_notify_cancel():
            future.set_result(result)
        else:
            discard(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
