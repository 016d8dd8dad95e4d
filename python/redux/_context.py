# SPDX-License-Identifier: MIT
"""Contexts: threads, progress, Ctrl-C."""
from __future__ import annotations

import os
import threading
import weakref
from ctypes import byref, c_void_p
from typing import Any, Callable, List, Optional

from . import _abi
from ._lib import Owner, is_bundled, lib


class Context:
    """Worker threads, and what is called on the way. For one call at a time.

    Parameters
    ----------
    threads : int
        -1 means all processors.
    progress : callable, optional
        ``progress(done, total)``, possibly called on another thread. The call is cancelled when it
        returns something true or raises.

    Examples
    --------
    >>> redux.Context(threads=2).threads
    2
    """

    def __init__(self, threads: int = -1, progress: Optional[Callable[[int, int], Any]] = None,
                 _short: bool = False) -> None:
        self._raised: Optional[BaseException] = None
        self._stop = False
        self._progress = progress
        self._callback = _abi.PROGRESS(0) if _short else _abi.PROGRESS(_reporter(self))
        handle = c_void_p()
        options = _abi.ContextOptions(threads=threads, progress=self._callback,
                                      flags=_abi.OWNS_BLAS if is_bundled else 0)
        lib.context_new(byref(handle), byref(options))
        self._owner = Owner(handle, lib.context_free, self._callback, has_threads=True)

    def _report(self, done: int, total: int) -> bool:
        try:
            wanted = self._progress is not None and self._progress(done, total)
        except BaseException as error:  # must not leave a C callback
            self._raised = error
            wanted = True
        return bool(wanted or self._stop)

    @property
    def threads(self) -> int:
        """How many threads work."""
        return int(lib.context_threads(self._owner.handle))

    def run(self, work: Callable[[c_void_p], Any]) -> None:
        """Works on another thread if this one is Python's first, which alone gets signals: so
        Ctrl-C stops `work` at its next step, and never strikes inside of a C callback."""
        failed: List[BaseException] = []
        done = threading.Event()
        interrupted: Optional[BaseException] = None
        self._raised, self._stop = None, False

        def run() -> None:
            try:
                work(self._owner.handle)
            except BaseException as error:
                failed.append(error)
            finally:
                done.set()
        if threading.current_thread() is threading.main_thread():
            threading.Thread(target=run, daemon=True).start()
        else:
            run()
        while not done.is_set():
            try:
                done.wait()
            except BaseException as error:  # KeyboardInterrupt, or of a signal's handler
                interrupted, self._stop = error, True
        for raised in (interrupted, self._raised, *failed):
            if raised is not None:
                raise raised


def _reporter(context: Context) -> Callable[[int, int, Any], int]:
    """The C callback, which does not keep the context alive."""
    known = weakref.ref(context)

    def report(done: int, total: int, _: Any) -> int:
        own = known()
        return 1 if own is None or own._report(done, total) else 0
    return report


_local = threading.local()


def short_call() -> c_void_p:
    """This thread's own context, for what is soon done; a forked DataLoader worker gets its own."""
    if getattr(_local, "pid", None) != os.getpid():
        _local.context, _local.pid = Context(threads=1, _short=True), os.getpid()
    context: Context = _local.context
    return context._owner.handle


def long_call(context: Optional[Context], work: Callable[[c_void_p], Any]) -> None:
    (context or Context()).run(work)
