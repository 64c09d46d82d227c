"""The queue of runs, which marks the runs that go through it.

See https://docs.dagster.io/deployment/execution/customizing-run-queue-priority.
"""

from dagster import DagsterRun, QueuedRunCoordinator, SubmitRunContext

QUEUED = "retail/queue"


class MarkingRunCoordinator(QueuedRunCoordinator):
    """Dagster's queue; it marks what it is given with a tag, whose limit then counts no run that a shell makes.

    `max_concurrent_runs` counts every run, also those that nobody asked the queue for.
    """

    def submit_run(self, context: SubmitRunContext) -> DagsterRun:
        """Mark the run and put it into the queue."""
        self._instance.add_run_tags(context.dagster_run.run_id, {QUEUED: "1"})
        return super().submit_run(context)
