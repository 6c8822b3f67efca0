"""`MovableLoop`: an event loop that can move to another thread, and be taken home when that thread is held up.

A call that another thread makes costs two switches between threads, which is more than a quick model takes. A model has
to stay on its thread, so the event loop moves to the model instead, for as long as the model is quick. When a piece of
work takes too long all the same, the loop's own thread takes it home and goes on with everything else, while that
thread finishes its work: nobody but the caller of that work waits.
"""

from __future__ import annotations

import asyncio
import threading
from asyncio.events import _set_running_loop
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, TypeVar

HELD_UP_S = 0.01
"""Work on a thread that the loop visits may take this long; then the loop goes home."""
_QUIET_S = 1.0
"""After this time without work, the loop's own thread sleeps until there is some."""
Done = TypeVar("Done")
Put = Callable[[Callable[[], None]], None]
"""Has a function done by another thread."""


class TakenHomeError(Exception):
    """The loop is no longer on this thread."""


class _Visit:
    """The loop's stay on another thread.

    Attributes:
        changed: Set when its home has something to look at.
        watched: Whether its home looks at it now and then.
        began: Since when it is at work, in seconds of the monotonic clock; None when it is not.
        pieces: How many pieces of work there were.
        over: Whether the loop is no longer here.
        error: What ended it.
    """

    def __init__(self, put: Put) -> None:
        self.put = put
        self.lock = threading.Lock()
        self.changed = threading.Event()
        self.watched = True
        self.began: float | None = None
        self.pieces = 0
        self.over = False
        self.error: BaseException | None = None

    def begin(self) -> None:
        self.pieces += 1
        self.began = monotonic()
        if not self.watched:
            self.changed.set()

    def end(self) -> bool:
        """End a piece of work; return whether the loop is still here."""
        with self.lock:
            self.began = None
            return not self.over

    def leave(self, error: BaseException | None) -> None:
        self.over, self.error = True, error
        self.changed.set()

    def wait(self, take: Callable[[], None]) -> None:
        """Wait until it is over; end it where it is held up.

        Args:
            take: Called as soon as it is ended.
        """
        pieces, since = 0, monotonic()
        while not self.over:
            self.changed.wait(HELD_UP_S if self.watched else None)
            self.changed.clear()
            self.watched = True
            now = monotonic()
            with self.lock:
                if not self.over and self.began is not None and now - self.began > HELD_UP_S:
                    self.over = True
                    take()
            if self.pieces != pieces:
                pieces, since = self.pieces, now
            elif now - since > _QUIET_S:
                self.watched = False
                self.watched = self.began is not None  # it may have begun without seeing that nobody watches


def _nothing() -> None:
    pass


class MovableLoop(asyncio.SelectorEventLoop):
    """An event loop that can move to another thread for a while; see `mlem_server.process.movable_loop`.

    The thread that calls `run_forever` is its home. It uses three things that all of asyncio's own loops have had since
    Python 3.4, although the documentation does not name them: ``_run_once``, ``_stopping`` and ``_thread_id``.
    """

    if TYPE_CHECKING:
        _stopping: bool
        _thread_id: int | None

        def _run_once(self) -> None: ...

    def __init__(self) -> None:
        super().__init__()
        self._visit: _Visit | None = None
        self._put: Put | None = None
        self._going = False
        self._afterwards: deque[Callable[[], None]] = deque()

    def after_round(self, do: Callable[[], None]) -> None:
        """Have a function called when the callbacks of this round are done; to be called on the loop.

        It is called outside of them, so that nothing is left half done where the loop goes home meanwhile. A later
        round, as for `call_soon`, would ask the system for events first.
        """
        self._afterwards.append(do)

    @property
    def host(self) -> Put | None:
        """What gives work to the thread where it is and will be in the next round; None for its own thread."""
        visit = self._visit
        return None if visit is None or visit.over or self._going else visit.put

    def move(self, put: Put) -> None:
        """Move to another thread after this round; to be called on the loop, at home.

        Args:
            put: Has a function done by that thread; the same object each time.
        """
        self._put, self._going = put, True

    def leave(self, put: Put) -> None:
        """Leave a thread after this round, or do not go there; to be called on the loop."""
        if self._put is put or (self._put is None and self._visit is not None and self._visit.put is put):
            self._put, self._going = None, True

    def work(self, do: Callable[[], Done], moved: Callable[[Done], None]) -> Done:
        """Do something that may take long, away; to be called by what `after_round` calls.

        Args:
            do: What to do; it must not use the loop, and this thread has no running loop meanwhile.
            moved: Called on the loop with what ``do`` returned, where the loop has gone home in the meantime.

        Returns:
            What ``do`` returned.

        Raises:
            TakenHomeError: The loop has gone home in the meantime; to be passed on.
        """
        visit = self._visit
        if visit is None:
            raise AssertionError("only away")
        visit.begin()
        _set_running_loop(None)
        try:
            done = do()
        except BaseException as error:
            if visit.end():
                _set_running_loop(self)
                raise
            raise TakenHomeError from error
        if not visit.end():
            self.call_soon_threadsafe(moved, done)
            raise TakenHomeError
        _set_running_loop(self)
        return done

    def run_forever(self) -> None:
        """See `asyncio.AbstractEventLoop`: it returns when the loop was stopped, wherever it was."""
        if self.is_running():
            raise RuntimeError("this event loop is already running")
        try:
            while not self._stopping:
                self._run(None)
                put, self._put = self._put, None
                if put is not None and not self._stopping:
                    visit = self._visit = _Visit(put)
                    put(partial(self._run, visit))
                    visit.wait(self._release)
                    self._visit = None
                    if visit.error is not None:
                        raise visit.error
        finally:
            self._stopping, self._put, self._going, self._visit = False, None, False, None

    def _do_afterwards(self) -> None:
        for _ in range(len(self._afterwards)):  # what comes up meanwhile has to wait for the next round
            do = self._afterwards.popleft()
            try:
                do()
            except TakenHomeError:
                raise
            except Exception as error:  # as for every callback
                self.call_exception_handler({"message": "exception after a round of callbacks", "exception": error})
        if self._afterwards:
            self.call_soon(_nothing)  # that round must not wait for events

    def _release(self) -> None:
        self._thread_id = None

    def _run(self, visit: _Visit | None) -> None:
        """Run on this thread until it stops or moves."""
        error: BaseException | None = None
        self._going = False
        self._thread_id = threading.get_ident()
        _set_running_loop(self)
        try:
            self._do_afterwards()  # what was left when it was taken home
            while True:
                self._run_once()
                self._do_afterwards()
                if self._stopping or self._going:
                    break
        except TakenHomeError:
            return
        except BaseException as raised:
            if visit is None:
                raise
            error = raised
        finally:
            _set_running_loop(None)
            if visit is None or not visit.over:
                self._thread_id = None
        if visit is not None:
            visit.leave(error)
