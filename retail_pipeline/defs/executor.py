"""Who executes a run: one process, which shows for as long as it lives that somebody does, and which a signal ends."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import dagster as dg

from retail_pipeline import interruption, lifeline
from retail_pipeline.settings import Settings


@contextmanager
def executing(run_id: str) -> Iterator[None]:
    """Hold the run's lock, where Dagster's database is set, and let a signal end what this process waits for."""
    address = Settings.from_environment().dagster_dsn
    with ExitStack() as stack:
        stack.enter_context(interruption.cancelling())
        if address:
            stack.enter_context(lifeline.hold(address, run_id))
        yield


class _Watched(dg.Executor):
    """Dagster's executor of steps in one process, with the run's lock around it."""

    def __init__(self, inner: dg.Executor) -> None:
        self._inner = inner

    @property
    def retries(self) -> Any:
        """Return how steps are tried again."""
        return self._inner.retries

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Execute the steps."""
        with executing(plan_context.run_id):
            executed_by = {lifeline.EXECUTED_BY: lifeline.this_process()}
            plan_context.instance.add_run_tags(plan_context.run_id, executed_by)
            yield from self._inner.execute(plan_context, execution_plan)


def _create(context: dg.InitExecutorContext) -> dg.Executor:
    inner: dg.Executor = dg.in_process_executor.executor_creation_fn(context)  # type: ignore[misc]
    return _Watched(inner)


# Most steps take less time than a process's start.
watched_in_process_executor = dg.ExecutorDefinition(
    name="in_process",
    config_schema=dg.in_process_executor.config_schema.as_field(),
    executor_creation_fn=_create,
    description="Executes all steps of a run in one process, whose death ends the run.",
)
