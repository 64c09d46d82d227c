"""A problem is told once it stands, again while it persists, and once when it is over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from retail_pipeline.alarms.standing import AGAIN, MOST, PERSISTS, SETTLED, Alarm, Finding, Standing, step

SINK = Finding("stream", "walmart_sink_inventory", "failed: why", "error", "do this", "http://ui/page")
LAG = Finding("stream", "group inventory", "late: 20,000 records behind", "warning", "wait", "")
EVERY = 15.0


class _Watch:
    """Looks again and again, and collects what is told."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.known: dict[str, Standing] = {}
        self.told: list[Alarm] = []

    def look(self, *found: Finding, seconds: float = 0.0, hidden: Collection[str] = ()) -> list[str]:
        """Look for so many seconds, at least once; return the states that were told."""
        before = len(self.told)
        end = self.now + seconds
        while True:
            self.now += EVERY
            self.known, alarms = step(self.known, found, self.now, hidden)
            self.told += alarms
            if self.now >= end:
                return [alarm.state for alarm in self.told[before:]]


def test_what_is_healed_at_once_wakes_nobody() -> None:
    watch = _Watch()

    assert watch.look(SINK) == []
    assert watch.look(seconds=3600) == []
    assert watch.known == {}


def test_a_problem_is_told_once_with_its_beginning_next_step_and_page() -> None:
    watch = _Watch()
    watch.look(SINK)

    assert watch.look(SINK, seconds=SETTLED + EVERY) == ["new"]
    assert watch.look(SINK, seconds=PERSISTS - 4 * EVERY) == []
    assert watch.told[0].as_dict() == {
        "state": "new",
        "subject": "walmart_sink_inventory",
        "problem": "failed: why",
        "severity": "error",
        "since": "1970-01-12T13:46:55+00:00",
        "next_step": "do this",
        "link": "http://ui/page",
    }


def test_one_that_persists_is_told_after_a_quarter_of_an_hour_and_then_each_hour() -> None:
    watch = _Watch()
    watch.look(SINK, seconds=SETTLED + EVERY)

    assert watch.look(SINK, seconds=PERSISTS) == ["persisting"]
    assert watch.look(SINK, seconds=AGAIN - EVERY) == []
    assert watch.look(SINK, seconds=EVERY) == ["persisting"]


def test_one_that_becomes_an_error_is_told_at_once() -> None:
    watch = _Watch()
    watch.look(LAG, seconds=SETTLED + EVERY)

    assert watch.look(replace(LAG, severity="error")) == ["persisting"]
    assert watch.told[-1].severity == "error"


def test_what_only_could_not_be_told_has_longer() -> None:
    watch = _Watch()
    unknown = replace(SINK, settles=10 * SETTLED)

    assert watch.look(unknown, seconds=10 * SETTLED - EVERY) == []
    assert watch.look(unknown, seconds=2 * EVERY) == ["new"]


def test_what_is_over_is_told_once_and_not_where_one_look_missed_it() -> None:
    watch = _Watch()
    watch.look(SINK, seconds=SETTLED + EVERY)
    watch.look()

    assert watch.look(SINK) == []
    assert watch.look(seconds=SETTLED + EVERY) == ["recovered"]
    assert watch.look(seconds=AGAIN) == []
    assert watch.known == {}


def test_what_nobody_could_see_has_not_recovered() -> None:
    watch = _Watch()
    watch.look(SINK, seconds=SETTLED + EVERY)

    assert watch.look(seconds=AGAIN, hidden={"stream"}) == []
    assert watch.look(SINK, seconds=EVERY) == ["persisting"]


def test_one_that_comes_and_goes_is_told_less_and_less() -> None:
    watch = _Watch()
    for _ in range(240):
        watch.look(SINK, seconds=SETTLED + EVERY)
        watch.look(seconds=SETTLED + EVERY)

    # Six hours of it: at most a pair for each doubling of the time that it has to stand.
    assert len(watch.told) <= 4
    assert watch.told[-1].state == "recovered"


def test_several_problems_of_one_thing_are_one_alarm_of_the_most_severe() -> None:
    watch = _Watch()
    more = replace(SINK, problem="no heartbeat", severity="warning")
    watch.look(more, SINK, seconds=SETTLED + EVERY)

    [told] = watch.told
    assert (told.problem, told.severity) == ("no heartbeat; failed: why", "error")


def test_a_heap_is_told_by_its_first_and_the_number_of_the_rest() -> None:
    watch = _Watch()
    heap = [replace(LAG, subject=f"store {number}") for number in range(400)]
    heap[-1] = replace(heap[-1], severity="error")

    assert watch.look(*heap, seconds=SETTLED + EVERY) == ["new"] * (MOST + 1)
    assert (watch.told[-1].subject, watch.told[-1].severity) == ("390 more", "error")
    assert watch.look(seconds=SETTLED + EVERY) == ["recovered"] * (MOST + 1)


def _run(sequence: Sequence[bool]) -> list[str]:
    watch = _Watch()
    for is_there in sequence:
        watch.look(*([SINK] if is_there else []))
    return [alarm.state for alarm in watch.told]


def test_new_and_recovered_always_alternate() -> None:
    for pattern in range(2**10):
        sequence = [bool(pattern >> bit & 1) for bit in range(10) for _ in range(3)]
        states = [state for state in _run(sequence) if state != "persisting"]
        assert states[::2] == ["new"] * len(states[::2]), sequence
        assert states[1::2] == ["recovered"] * len(states[1::2]), sequence
