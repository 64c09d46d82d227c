"""What is done to the stream, who is to heal it, and what shows that it is not healed without? The declared table.

Each fault is injected twice, both times under a running writer: once with everything healing, once with its healer
switched off, which must be seen. Supervisor and sensors are off then; where neither heals a fault but a retry of
Debezium, Connect or a driver, `disable` breaks that retry too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from retail_pipeline_tests.faults import injections, injections_slot, injections_topic
from retail_pipeline_tests.faults.links import route
from retail_pipeline_tests.faults.testbed import Testbed

Act = Callable[[Testbed], object]

SUPERVISOR = "supervisor"
# The same judgement and remedies, in the embedded stack's supervisor and in Dagster's sensor; whichever comes first.
HEALING = "healing"
LONG_ENOUGH = 30.0
UNSUPERVISED = "no supervisor"
UNHEALED = "no healing"


def _nothing(_: Testbed) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    `prepare` is no part of it. `inject` does it; `seconds` later (`unhealed_seconds` without its healer) `release` ends
    it, where that is not the healer's work. The clock starts when every server in `back` answers again. `off` says how
    healing is switched off: what is not supervisor or sensors is done by `disable` before the injection, or by
    `disable_meanwhile` before the release. `restore` takes back afterwards what is no part of the fault either.

    `needs_resnapshot` says that the stream has to begin again from a new slot, which is seen too: whatever else
    happens, it goes on from where it was. `is_long`: it takes minutes. `unhealed_for`: without its healer it is watched
    for so many seconds, more than the healer needs.
    """

    name: str
    healer: str
    off: str
    inject: Act
    release: Act = _nothing
    seconds: float = 0.0
    back: tuple[str, ...] = ()
    prepare: Act = _nothing
    disable: Act = _nothing
    disable_meanwhile: Act = _nothing
    unhealed_seconds: float | None = None
    restore: Act = _nothing
    needs_resnapshot: bool = False
    is_long: bool = False
    unhealed_for: float = LONG_ENOUGH

    @property
    def id(self) -> str:
        """Return its name for the command line."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower().replace("'", ""))

    @property
    def is_ours(self) -> bool:
        """Whether it is healed by what belongs to this project."""
        return SUPERVISOR in self.healer or HEALING in self.healer

    @property
    def needs_proxy(self) -> bool:
        """Whether it is injected on a link that leads through the proxy."""
        return self.prepare is route

    def run(self, testbed: Testbed, *, recovery_disabled: bool) -> None:
        """Inject, wait, release."""
        if recovery_disabled:
            self.disable(testbed)
        self.inject(testbed)
        time.sleep(self.seconds if self.unhealed_seconds is None or not recovery_disabled else self.unhealed_seconds)
        if recovery_disabled:
            self.disable_meanwhile(testbed)
        self.release(testbed)


# Of a connection that died without a sign its owner hears nothing for half a minute.
_LONGER = 75.0
_CLOSED = 10.0
_HANGING = 15.0

FAULTS: tuple[Fault, ...] = (
    *(
        Fault(
            f"{title} killed",
            SUPERVISOR,
            UNSUPERVISED,
            injections.killed(name),
            back=(name,),
        )
        for name, title in injections.TITLES.items()
    ),
    Fault(
        "Dagster's daemon killed and a connector deleted",
        f"{SUPERVISOR} and {HEALING}",
        UNSUPERVISED,
        injections.daemon_killed,
        back=("dagster_daemon",),
    ),
    Fault(
        "Broker's disk full",
        SUPERVISOR,
        UNSUPERVISED,
        injections.disk_full,
        back=("kafka",),
    ),
    Fault(
        "PostgreSQL hangs 15 s",
        "Debezium: reads on where it was",
        "the slot is moved past changes that it has not read",
        injections.hung("postgres"),
        injections.resumed("postgres"),
        _HANGING,
        ("postgres",),
        disable_meanwhile=injections_slot.slot_moved_on,
    ),
    Fault(
        "Broker hangs 15 s",
        "Kafka's clients: try for two minutes",
        "they give a record up after 3 s",
        injections.hung("kafka"),
        injections.resumed("kafka"),
        _HANGING,
        ("kafka",),
        disable=injections.short_producer_timeouts,
    ),
    Fault(
        "Connect worker hangs 15 s",
        "Connect: joins again and reads on from its offsets",
        "the slot is moved past changes that it has not read",
        injections.hung("connect"),
        injections.resumed("connect"),
        _HANGING,
        ("connect",),
        disable_meanwhile=injections_slot.slot_taken_on,
    ),
    Fault(
        "mongod hangs 15 s",
        "MongoDB's driver: waits",
        "it waits for 3 s",
        injections.hung("mongo"),
        injections.resumed("mongo"),
        _HANGING,
        ("mongo",),
        disable=injections.short_sink_timeouts,
    ),
    Fault(
        "Second Connect worker joins and is killed",
        "Connect: the first takes its tasks over",
        "members are given up after minutes",
        injections.second_worker_died,
        disable=injections.members_kept_for_long,
    ),
    Fault(
        "Debezium cut off from PostgreSQL for 10 s",
        "Debezium: connects again",
        "it gives up at the first error",
        injections.cut("postgres"),
        injections.joined("postgres"),
        _CLOSED,
        prepare=route,
        disable=injections.short_source_timeouts,
    ),
    Fault(
        "Debezium's connections to PostgreSQL dead without a sign",
        HEALING,
        UNHEALED,
        injections.dead("postgres"),
        prepare=route,
        unhealed_for=_LONGER,
    ),
    Fault(
        "Connect cut off from Kafka for 10 s",
        "Kafka's clients: connect again",
        "they do after ten minutes",
        injections.cut("kafka"),
        injections.joined("kafka"),
        _CLOSED,
        prepare=route,
        disable=injections.slow_to_connect,
        # Cut off for longer, the worker restarts all its tasks, whose clients connect at once.
        unhealed_seconds=2.0,
    ),
    Fault(
        "Connect's connections to Kafka dead without a sign",
        "Kafka's clients: give a connection up after 10 s",
        "they wait for ten minutes",
        injections.dead("kafka"),
        prepare=route,
        disable=injections.long_client_timeouts,
        unhealed_for=_LONGER,
    ),
    Fault(
        "Sinks cut off from mongod for 10 s",
        "MongoDB's driver: connects again",
        "it gives up after 3 s",
        injections.cut("mongo"),
        injections.joined("mongo"),
        _CLOSED,
        prepare=route,
        disable=injections.short_sink_timeouts,
    ),
    Fault(
        "Sinks' connections to mongod dead without a sign",
        "MongoDB's driver: gives a connection up after 30 s",
        "it waits without end",
        injections.dead("mongo"),
        prepare=route,
        disable=injections.long_sink_timeouts,
        unhealed_for=_LONGER,
    ),
    Fault(
        "MongoDB away for longer than the driver waits",
        HEALING,
        UNHEALED,
        injections.stopped("mongo"),
        injections.started("mongo"),
        130.0,
        ("mongo",),
        # Two minutes more would show the same: the tasks have failed.
        disable=injections.short_sink_timeouts,
        unhealed_seconds=15.0,
        is_long=True,
    ),
    Fault("Slot dropped", HEALING, UNHEALED, injections_slot.slot_dropped, seconds=3.0, needs_resnapshot=True),
    Fault(
        "Slot moved past what Debezium has read",
        HEALING,
        UNHEALED,
        injections_slot.slot_moved_past,
        # With healing it is the re-snapshot that lets Debezium go on.
        disable_meanwhile=injections_slot.source_resumed,
        needs_resnapshot=True,
    ),
    Fault(
        "Slot invalidated while Debezium is cut off",
        HEALING,
        UNHEALED,
        injections_slot.slot_invalidated,
        injections_slot.limit_restored,
        prepare=route,
        needs_resnapshot=True,
        is_long=True,
    ),
    Fault(
        "Kafka Connect stopped for a night",
        "PostgreSQL: keeps the slot's WAL; Debezium: reads on where it was",
        "the slot may retain half of it",
        injections_slot.stopped_for_a_night,
        injections_slot.begun_again,
        back=("connect",),
        disable_meanwhile=injections_slot.half_the_limit,
        restore=injections_slot.limit_reset,
        is_long=True,
    ),
    Fault(
        "Kafka Connect stopped for longer than the slot's limit",
        HEALING,
        UNHEALED,
        injections_slot.stopped_for_longer,
        injections_slot.begun_again,
        back=("connect",),
        restore=injections_slot.limit_reset,
        needs_resnapshot=True,
        is_long=True,
    ),
    Fault("Topic deleted", HEALING, UNHEALED, injections_topic.deleted, needs_resnapshot=True),
    Fault(
        "Topic emptied of what its sink has not read",
        HEALING,
        UNHEALED,
        injections_topic.emptied,
        # With healing it is the re-snapshot that lets the sink go on.
        disable_meanwhile=injections_topic.sink_resumed,
        needs_resnapshot=True,
    ),
    Fault(
        "Table taken out of the publication and put back",
        HEALING,
        UNHEALED,
        injections_topic.unpublished,
        needs_resnapshot=True,
    ),
    Fault(
        "Unreadable record in a topic",
        "sink: puts it to the dead letters",
        "the sink stops at an error",
        injections_topic.poisoned,
        disable=injections.intolerant_sink,
    ),
    Fault(
        "MongoDB refuses documents for a while",
        f"{HEALING}: repairs the tables with dead letters",
        UNHEALED,
        injections.documents_refused,
        injections.documents_welcome,
        5.0,
    ),
    Fault(
        "Task failed: the sink's rights taken for a while",
        HEALING,
        UNHEALED,
        injections.rights_taken,
        injections.rights_given,
    ),
    Fault("Connectors deleted", HEALING, UNHEALED, injections.connectors_deleted),
    Fault("Connector's configuration drifted", HEALING, UNHEALED, injections.drifted),
    Fault(
        "Changes delivered twice",
        "sink: writes by key",
        "each write gets a new key",
        injections.delivered_twice,
        disable=injections.keyless_sink,
    ),
)
