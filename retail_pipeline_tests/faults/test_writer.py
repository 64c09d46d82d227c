"""The writer's journal leaves no doubt, wherever the writer or its server is killed."""

from __future__ import annotations

import time

import pytest

from retail_pipeline_tests.faults import journal
from retail_pipeline_tests.faults.shop import KINDS
from retail_pipeline_tests.faults.testbed import Testbed

pytestmark = pytest.mark.fault


def test_a_writer_killed_anywhere_leaves_a_journal_that_agrees_with_the_database(sound: Testbed) -> None:
    for wait in (0.0, 0.03, 0.11):
        sound.begin_writer()
        time.sleep(wait)
        sound.writers.end(kill=True)
        sound.resolve_unknown()
    changes = {change.id for change in journal.changes_of(sound.journal)}

    done = {row[0] for row in sound.ask("select change_id::text from fault_suite.changes where not is_void")}
    assert changes == done


def test_an_outcome_is_what_the_database_says(sound: Testbed) -> None:
    path = sound.home / "journal_of_a_test.jsonl"
    made, refused = (journal.Change(f"00000000-0000-0000-0000-00000000000{n}", "sale") for n in (1, 2))
    with journal.Journal(path) as opened, sound.superuser() as session:
        opened.intend(made)
        opened.intend(refused)
        session.cursor().execute(journal.MARK, (made.id,))
        assert journal.resolve(opened, session) == 2
        session.cursor().execute("delete from fault_suite.changes where change_id in (%s, %s)", (made.id, refused.id))

    assert [change.id for change in journal.changes_of(path)] == [made.id]
    path.unlink()


def test_every_kind_of_change_is_made(sound: Testbed) -> None:
    sound.begin_writer()
    made: set[str] = set()
    wanted = {kind.__name__ for kind in KINDS}
    while made != wanted:
        sound.more_changes(50)
        made = {change.kind for change in journal.changes_of(sound.journal)}
    sound.writers.end()
