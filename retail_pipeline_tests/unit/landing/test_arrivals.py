"""Whose turn it is, and what follows from the end of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from retail_pipeline.landing import arrivals
from retail_pipeline.landing.arrivals import AT_ONCE, Ended, Outcome, concluded, seen, to_doubt, to_look_into, turn
from retail_pipeline.landing.content import LARGEST
from retail_pipeline.landing.folder import Entry, Mark
from retail_pipeline.landing.memory import File, State

MARK = Mark(10, 1, 1, 1)
HOUR = 3600.0


def ready(name: str, *, arrived: float = 0.0, changed: int = 1, size: int = 10, fingerprint: str | None = "f") -> File:
    """Return a file that rests."""
    return File(
        name.encode(), MARK._replace(changed=changed, size=size), State.READY, 0, arrived, fingerprint=fingerprint
    )


def among(*files: File) -> dict[bytes, File]:
    """Return what is known, by name."""
    return {file.name: file for file in files}


@pytest.mark.parametrize("part", Mark._fields)
def test_a_file_rests_once_two_looks_saw_it_alike_in_size_times_and_inode(part: str) -> None:
    growing = MARK._replace(**{part: 2})
    first = seen({}, [Entry(b"a.csv", MARK)], 1)
    second = seen(first, [Entry(b"a.csv", growing)], 2)
    third = seen(second, [Entry(b"a.csv", growing)], 3)

    assert [look[b"a.csv"].state for look in (first, second, third)] == [State.ARRIVING, State.ARRIVING, State.READY]


@pytest.mark.parametrize("state", [State.ASKED, State.LOADED, State.REFUSED])
def test_a_file_that_was_changed_is_new_whatever_became_of_it(state: State) -> None:
    before = among(replace(ready("a.csv"), state=state, tries=3, reason="why"))

    same = seen(before, [Entry(b"a.csv", MARK)], 5)
    changed = seen(before, [Entry(b"a.csv", MARK._replace(status_changed=9))], 5)

    assert same == before
    assert changed[b"a.csv"] == File(b"a.csv", MARK._replace(status_changed=9), State.ARRIVING, 5, 5)


def test_a_file_that_left_is_forgotten() -> None:
    assert seen(among(ready("a.csv")), [], 5) == {}


def test_what_is_no_csv_keeps_its_place_however_it_changes_until_it_is_one() -> None:
    first = seen({}, [Entry(b"a.csv", fault="it is a folder")], 1)
    second = seen(first, [Entry(b"a.csv", fault="it is a folder")], 2)
    third = seen(second, [Entry(b"a.csv", MARK)], 3)

    assert second == first
    assert third[b"a.csv"].state is State.ARRIVING


def test_a_heap_of_old_files_does_not_starve_a_fresh_one() -> None:
    heap = [ready(f"{number}.csv", arrived=1, changed=number) for number in range(1_000)]
    fresh = ready("fresh.csv", arrived=2, changed=0)

    assert fresh in turn(among(*heap, fresh), 5)
    assert (
        next(to_look_into(among(*(replace(file, fingerprint=None) for file in [*heap, fresh])), 5)).name == b"fresh.csv"
    )


def test_runs_that_have_not_ended_are_few_and_asked_for_in_order_of_time_and_name() -> None:
    heap = [ready(f"{number}.csv", changed=number // 2) for number in range(20)]
    asked = [replace(ready(f"asked {number}.csv"), state=State.ASKED) for number in range(AT_ONCE - 2)]

    assert [file.name for file in turn(among(*heap), 5)] == [b"17.csv", b"18.csv", b"19.csv"]
    assert [file.name for file in turn(among(*heap, *asked), 5)] == [b"18.csv", b"19.csv"]
    assert turn(among(*heap, *(replace(file, state=State.ASKED) for file in heap[:AT_ONCE])), 5) == []


def test_a_file_that_nobody_looked_into_has_no_turn() -> None:
    assert turn(among(ready("a.csv", fingerprint=None)), 5) == []
    assert turn(among(ready("large.csv", fingerprint="")), 5)


def test_a_look_reads_a_bounded_volume_and_the_latest_first() -> None:
    half = arrivals.MOST_BYTES // 2
    files = among(*(ready(f"{number}", changed=number, size=half, fingerprint=None) for number in range(9)))
    one_large = among(ready("large", size=LARGEST, fingerprint=None), ready("old", changed=0, fingerprint=None))
    larger = among(ready("larger", size=LARGEST + 1, fingerprint=None), ready("old", changed=0, fingerprint=None))

    assert [file.name for file in to_look_into(files, 5)] == [b"8", b"7"]
    assert [file.name for file in to_look_into(one_large, 5)] == [b"large"]
    assert [file.name for file in to_look_into(larger, 5)] == [b"larger", b"old"]


def test_a_look_reads_a_bounded_number_of_files() -> None:
    files = among(*(ready(f"{number}", size=1, fingerprint=None) for number in range(5_000)))

    assert len(list(to_look_into(files, 5))) == arrivals.MOST_FILES


@pytest.mark.parametrize(
    ("outcome", "ledger", "expected"),
    [
        (Outcome(Ended.NOT_YET), set(), State.ASKED),
        (Outcome(Ended.WELL), {"f"}, State.LOADED),
        (Outcome(Ended.WELL), set(), State.READY),
        (Outcome(Ended.BY_THE_FILE, "it is empty"), set(), State.REFUSED),
        (Outcome(Ended.OTHERWISE, "killed"), set(), State.READY),
        (Outcome(Ended.OTHERWISE, "MongoDB was away"), {"f"}, State.LOADED),
        (Outcome(Ended.BY_THE_FILE, "too many bad rows"), {"f"}, State.LOADED),
    ],
)
def test_what_the_ledger_has_is_loaded_whatever_became_of_its_run(
    outcome: Outcome, ledger: set[str], expected: State
) -> None:
    asked = replace(ready("a.csv"), state=State.ASKED)

    assert concluded(asked, outcome, ledger, 5).state is expected


def test_a_run_that_ended_well_counts_alone_where_no_fingerprint_is_known() -> None:
    large = replace(ready("a.csv", fingerprint=""), state=State.ASKED)

    assert concluded(large, Outcome(Ended.WELL), set(), 5).state is State.LOADED


def test_of_what_is_loaded_a_look_doubts_a_bounded_number_of_contents_and_leaves_none_out() -> None:
    def loaded(name: str, fingerprint: str) -> File:
        return replace(ready(name, fingerprint=fingerprint), state=State.LOADED)

    twins = among(*(loaded(f"{number}.csv", "one content") for number in range(5_000)), loaded("large.csv", ""))
    many = among(*(loaded(f"{number}.csv", str(number)) for number in range(2 * arrivals.MOST_AGAIN)), ready("a.csv"))
    looks = [{file.name for file in to_doubt(many)} for _ in range(100)]

    assert len(to_doubt(twins)) == 5_000
    assert {len(look) for look in looks} == {arrivals.MOST_AGAIN}
    assert set().union(*looks) == many.keys() - {b"a.csv"}


def test_a_run_that_failed_by_what_may_pass_is_asked_for_again_after_longer_and_longer_pauses() -> None:
    file, now, pauses, keys = replace(ready("a.csv"), state=State.ASKED), 0.0, [], {ready("a.csv").run_key}
    while file.state is State.ASKED:
        file = concluded(file, Outcome(Ended.OTHERWISE, "killed"), set(), now)
        if file.state is State.READY:
            assert turn(among(file), file.due - 1) == []
            assert turn(among(file), file.due) == [file]
            pauses.append(file.due - now)
            keys.add(file.run_key)
            file, now = replace(file, state=State.ASKED), file.due

    assert pauses == [60, 120, 240, 480, 960]
    assert len(keys) == len(pauses) + 1
    assert (file.state, file.reason) == (State.REFUSED, "killed (6 tries)")
