"""Keep stores within what all share, in both servers: look, end, shut out, and tell; one for a whole deployment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from pymongo.errors import PyMongoError

from retail_pipeline.mirror import operations, tenants
from retail_pipeline.mirror.client import Client
from retail_pipeline.mirror.operations import Patrol
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse.tenant_acts import SHUT_OUT, Act
from retail_pipeline.warehouse.watch import Watch, watching

Say = Callable[[str], None]
Clock = Callable[[], float]
# Seconds after which a MongoDB that did not answer is asked again: one that died is back within five.
_AGAIN = 3.0


class Guard:
    """One who watches. Where MongoDB does not answer it is asked less often, so that PostgreSQL is still looked at."""

    def __init__(self, watch: Watch, patrol: Patrol | None, say: Say, clock: Clock) -> None:
        self._watch = watch
        self._patrol = patrol
        self._say = say
        self._clock = clock
        # When MongoDB is asked again; None while it answers.
        self._again_at: float | None = None
        # Shut out in PostgreSQL and perhaps not in MongoDB; None before that was asked for.
        self._to_keep_out: set[int] | None = None

    @property
    def pause(self) -> float:
        """Seconds until the next look."""
        if self._patrol is None or self._again_at is not None:
            return self._watch.pause
        return min(self._watch.pause, self._patrol.pause)

    def look(self) -> list[Act]:
        """Look once at both servers; return what was done, having said it."""
        return self._told(self._watch.look()) + self._look_at_mongodb()

    def _look_at_mongodb(self) -> list[Act]:
        if self._patrol is None or self._clock() < (self._again_at or 0.0):
            return []
        acts: list[Act] = []
        try:
            acts = self._told(self._patrol.look())
            self._watch.record(acts)
            acts += self._told(self._watch.shut_out())
            self._keep_out(self._patrol.client)
            self._again_at = None
        except PyMongoError as error:
            # Its message may hold an address with its password; `status` tells the rest.
            if self._again_at is None:
                self._say(f"what stores do in MongoDB could not be looked at: {type(error).__name__}")
            self._again_at = self._clock() + _AGAIN
        return acts

    def _told(self, acts: list[Act]) -> list[Act]:
        for act in acts:
            self._say(f"{act.sentence}. Next: {act.next_step}")
        if self._to_keep_out is not None:
            self._to_keep_out |= {act.store_id for act in acts if act.kind == SHUT_OUT}
        return acts

    def _keep_out(self, client: Client) -> None:
        """Keep out of MongoDB, too, who is shut out; one that was let in again meanwhile is left alone."""
        if self._to_keep_out is None:
            self._to_keep_out = self._watch.stores_shut_out()
        elif self._to_keep_out:
            self._to_keep_out &= self._watch.stores_shut_out()
        for store_id in sorted(self._to_keep_out):
            tenants.keep_out(client, store_id)
            self._to_keep_out.discard(store_id)


@contextmanager
def on_duty(settings: Settings, say: Say, clock: Clock) -> Iterator[Guard | None]:
    """Return the one guard of a deployment, or None where another is on duty already."""
    with ExitStack() as opened:
        watch = opened.enter_context(watching(settings))
        if watch is None:
            yield None
            return
        patrol = opened.enter_context(operations.patrol(settings)) if settings.mongo_uri else None
        yield Guard(watch, patrol, say, clock)
