"""Tasks handed to an executor, and what came back; a worker that is lost takes nothing with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from functools import partial

from ..errors import KlikitFramesError
from ..progress import Bar
from .business_tasks import BusinessTask, TaskOutcome, cancel, execute_task, look_up

# Each business waits for its own cap; more threads than this only make the caller's computer wait.
MAX_THREADS = 16
_POLL_S = 0.2
# A task whose worker is lost goes to another worker so often in all.
_ATTEMPTS = 2


class SharedCount:
    """Requests that are done: counted by many threads, shown on one bar by the thread that owns it."""

    def __init__(self) -> None:
        self._n = 0
        self._lock = threading.Lock()

    def update(self, n: int = 1, /) -> None:
        """Note that `n` more are done."""
        with self._lock:
            self._n += n

    def close(self) -> None:
        """Do nothing: the others go on."""

    def take(self) -> int:
        """Return how many are new since the last call."""
        with self._lock:
            n, self._n = self._n, 0
        return n


class Dispatch:
    """The tasks of one fleet run on one executor.

    Parameters
    ----------
    tasks : dict of BusinessTask
        By business.
    executor : concurrent.futures.Executor, optional
        Where they run; None is a pool of threads.
    sizes : dict of int
        By business, how many units its progress has.
    bar : Bar
        Where progress is shown; called on this thread only.
    """

    def __init__(
        self,
        tasks: Mapping[str, BusinessTask],
        executor: Executor | None,
        *,
        sizes: Mapping[str, int],
        bar: Bar,
    ) -> None:
        self._tasks = tasks
        self._executor = executor
        self._bar = bar
        self._sizes = sizes
        self._counts = {business: SharedCount() for business in tasks}
        self._n_shown = dict.fromkeys(tasks, 0)
        self._pending: dict[Future[TaskOutcome], str] = {}
        self._attempts = dict.fromkeys(tasks, 0)
        self._outcomes: dict[str, TaskOutcome] = {}

    def execute(self) -> dict[str, TaskOutcome]:
        """Run all tasks and return what came of each; Ctrl-C stops them cleanly."""
        if isinstance(self._executor, ThreadPoolExecutor):
            self._execute_on(partial(self._submit_with_progress, self._executor))
        elif self._executor is not None:
            self._execute_on(partial(_submit_to, self._executor))
        else:
            with ThreadPoolExecutor(min(len(self._tasks), MAX_THREADS) or 1) as pool:
                self._execute_on(partial(self._submit_with_progress, pool))
        return {business: self._outcomes[business] for business in self._tasks}

    def _submit_with_progress(self, pool: ThreadPoolExecutor, task: BusinessTask) -> Future[TaskOutcome]:
        return pool.submit(execute_task, task, self._counts[task.business])

    def _execute_on(self, submit: Callable[[BusinessTask], Future[TaskOutcome]]) -> None:
        for task in self._tasks.values():
            self._submit(task, submit)
        is_stopping = False
        while self._pending:
            try:
                done, _ = wait(list(self._pending), timeout=_POLL_S, return_when=FIRST_COMPLETED)
                for future in done:
                    self._settle(future, submit, may_retry=not is_stopping)
                self._show()
                if is_stopping:
                    self._cancel()
            except KeyboardInterrupt:
                is_stopping = True
                self._cancel()

    def _submit(self, task: BusinessTask, submit: Callable[[BusinessTask], Future[TaskOutcome]]) -> bool:
        self._attempts[task.business] += 1
        try:
            self._pending[submit(task)] = task.business
        except Exception as error:  # noqa: BLE001 - executors have errors of their own
            if task.business not in self._outcomes:
                is_first = self._attempts[task.business] == 1
                self._outcomes[task.business] = look_up(task, _lost(error), is_elsewhere=not is_first)
            return False
        return True

    def _settle(
        self,
        future: Future[TaskOutcome],
        submit: Callable[[BusinessTask], Future[TaskOutcome]],
        *,
        may_retry: bool,
    ) -> None:
        business = self._pending.pop(future)
        task = self._tasks[business]
        try:
            self._outcomes[business] = future.result()
        except CancelledError:
            error = KlikitFramesError("The fleet run was stopped before the turn of this business.")
            self._outcomes[business] = look_up(task, error)
        except Exception as error:  # noqa: BLE001 - executors have errors of their own
            if may_retry and self._attempts[business] < _ATTEMPTS and self._submit(task, submit):
                return
            self._outcomes[business] = look_up(task, _lost(error), is_elsewhere=True)
        self._counts[business].update(self._sizes[business])

    def _show(self) -> None:
        """Tell the bar what is new; no business counts for more than its share."""
        for business, count in self._counts.items():
            n = min(count.take(), self._sizes[business] - self._n_shown[business])
            self._n_shown[business] += n
            if n:
                self._bar.update(n)

    def _cancel(self) -> None:
        for future, business in self._pending.items():
            if not future.cancel():
                cancel(self._tasks[business])


def _submit_to(executor: Executor, task: BusinessTask) -> Future[TaskOutcome]:
    return executor.submit(execute_task, task)


def _lost(error: BaseException) -> KlikitFramesError:
    return KlikitFramesError(
        f"The worker of this business was lost ({type(error).__name__}: {str(error)[:200]}). "
        "Run the fleet again with the same plans: each business goes on from its journal."
    )
