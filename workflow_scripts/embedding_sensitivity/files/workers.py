"""Share work out to processes: prepare clips ahead of a model, analyse labels in parallel."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from threadpoolctl import threadpool_limits

from embedding_sensitivity.files.errors import InputError

# The function that a worker calls, set when the worker starts: it is sent only once.
_function: Callable | None = None


def run_in_order(
    function: Callable, items: Iterable[tuple], n_processes: int, n_ahead: int
) -> Iterator[Any]:
    """Yield ``function(*item)`` for each item, in order.

    Parameters
    ----------
    function : picklable, as are items and results
    n_processes : number of worker processes; with 0 this process calls `function`
    n_ahead : maximum number of items in progress or with a waiting result; bounds memory

    An error of `function` is raised here. If a worker is killed, as the system does when memory
    runs out, `InputError` is raised.
    """
    if not n_processes:
        yield from (function(*item) for item in items)
        return
    # Spawn: a fork of a process that runs CUDA or TensorFlow may hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(n_processes, context, _start, (function,))
    waiting = deque()
    try:
        for item in items:
            waiting.append(pool.submit(_call, item))
            if len(waiting) >= n_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool:
        raise InputError(
            f"one of {n_processes} worker processes was killed, probably because memory ran out: "
            "free memory, or run with fewer --cores"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start(function: Callable) -> None:
    global _function
    _function = function
    # Ctrl-C reaches every process of a run; the parent handles it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()
    threadpool_limits(1)


def _follow_parent() -> None:
    """Exit with the parent: the workers of a killed job would wait for work for ever."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _call(item: tuple) -> Any:
    return _function(*item)
