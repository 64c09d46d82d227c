"""A call that is mistyped, cut short or asked for help ends as a program of a shell should."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from retail_pipeline import cli, stack
from retail_pipeline.cli import root
from retail_pipeline.cli.call import PROGRAM
from retail_pipeline.errors import StackError

_SCRIPT = "import sys; from retail_pipeline.cli import main; sys.exit(main())"
_CONTRACT = ("demo", "up", "down", "status", "env", "dsn", "mongo-uri", "load", "verify", "repair", "bench", "store")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_HOME", str(tmp_path))


def _ended(*words: str) -> int:
    return cli.main(list(words))


def test_every_call_has_a_help_that_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert _ended("--help") == 0
    told = capsys.readouterr().out
    for name in _CONTRACT:
        assert re.search(rf"^  {name} +\w", told, re.MULTILINE), name
    for name, call in root.commands.items():
        assert call.help, name
        assert _ended(name, "--help") == 0


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["stats"], "status"),
        (["store", "enabel", "1"], "enable"),
        (["status", "--jsn"], "--json"),
        (["logs", "postgrs"], "postgres"),
    ],
)
def test_what_was_probably_meant_is_named(words: list[str], meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _ended(*words) == 2
    assert re.search(rf"Did you mean '?{meant}'?\?", capsys.readouterr().err)


def test_a_bench_that_there_is_not_is_a_mistake_in_the_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert _ended("bench", "nosuch") == 2
    told = capsys.readouterr().err
    assert "Usage:" in told
    assert "'noisy-neighbor'" in told


def test_a_mistake_in_the_call_needs_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RETAIL_HEAL", "perhaps")

    assert _ended("load") == 2
    assert _ended("load", "--help") == 0
    assert _ended("env") == 1


def test_an_error_says_the_next_step_and_has_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert _ended("logs", "kafka") == 1
    told = capsys.readouterr().err
    assert told == "retail-pipeline: kafka has no log yet.\n  Next: `retail-pipeline up` starts it\n"


def test_an_unknown_role_gets_the_names_of_those_that_are_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RETAIL_POSTGRES_DSN", "postgresql://127.0.0.1:1/walmart")
    (tmp_path / "credentials.json").write_text(
        '{"postgres/retail_admin": "a", "postgres/store_user_1": "b", "mongo/analyst": "c"}'
    )

    assert _ended("dsn", "retail_admn") == 1
    assert capsys.readouterr().err == (
        "retail-pipeline: There is no login retail_admn in postgres. Did you mean retail_admin?\n"
        "  Next: those that are there: retail_admin and 1 of stores\n"
    )
    assert _ended("dsn", "store_user_7") == 1
    assert "store list" in capsys.readouterr().err
    assert "retail_admn" not in (tmp_path / "credentials.json").read_text()


def test_a_log_is_shown_from_its_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "logs" / "kafka.log"
    log.parent.mkdir()
    log.write_text("".join(f"line {number}\n" for number in range(100)))

    assert _ended("logs", "kafka", "-n", "2") == 0
    assert capfd.readouterr().out == "line 98\nline 99\n"
    assert _ended("logs") == 0
    assert str(log) in capfd.readouterr().out


def test_a_reader_that_has_read_enough_leaves_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, "logs"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)

    assert done.returncode == 1
    assert done.stderr == ""


@pytest.mark.parametrize(("number", "how"), [(signal.SIGINT, "by hand"), (signal.SIGTERM, "by SIGTERM")])
def test_a_signal_ends_a_call_with_a_sentence(
    number: signal.Signals, how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> dict[str, str]:
        signal.raise_signal(number)
        raise StackError("no signal came")

    monkeypatch.setattr(stack, "environment", interrupted)
    # As in a process that a shell has just started; that of the tests may have been told to ignore it.
    before = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        code = _ended("env")
    finally:
        signal.signal(number, before)

    assert code == 128 + number
    assert capsys.readouterr().err.strip() == (f"retail-pipeline: stopped {how}; run the same command again to go on.")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_what_a_shell_needs_to_complete_calls_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _ended("completion", shell) == 0
    assert f"_RETAIL_PIPELINE_COMPLETE={shell}_complete" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "begun", "expected"), [([], "st", "status"), (["load"], "--a", "--accept"), (["logs"], "ka", "kafka")]
)
def test_calls_options_and_servers_are_completed(words: list[str], begun: str, expected: str) -> None:
    found = ShellComplete(root, {}, PROGRAM, "_RETAIL_PIPELINE_COMPLETE").get_completions(words, begun)

    assert expected in [one.value for one in found]
