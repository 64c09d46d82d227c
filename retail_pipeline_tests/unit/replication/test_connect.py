"""The client of Connect's REST interface: it waits while workers rebalance, clear when something failed, discreet."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from retail_pipeline.errors import ReplicationError
from retail_pipeline.replication import connect
from retail_pipeline.replication.connect import ConnectClient


class Worker:
    """A worker that answers from a script: (status, body) for each request, the last one for all that follow."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.asked: list[str] = []


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def client(worker: Worker) -> Iterator[ConnectClient]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            worker.asked.append(f"{self.command} {self.path}")
            status, body = worker.answers.pop(0) if len(worker.answers) > 1 else worker.answers[0]
            payload = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 - the base class looks for these names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with ConnectClient(f"http://connect:secret@127.0.0.1:{server.server_port}") as opened:
        yield opened
    server.shutdown()
    server.server_close()


def status(connector: str, *tasks: str, trace: str = "") -> dict[str, Any]:
    return {
        "connector": {"state": connector},
        "tasks": [
            {"id": number, "state": state, **({"trace": trace} if trace else {})} for number, state in enumerate(tasks)
        ],
    }


def test_a_refusal_while_workers_rebalance_is_waited_out(client: ConnectClient, worker: Worker) -> None:
    worker.answers = [(409, {"message": "rebalance"}), (200, {"a": "1"})]
    assert client.config("x") == {"a": "1"}
    assert worker.asked == ["GET /connectors/x/config"] * 2


def test_a_connector_that_is_not_there_has_no_configuration_and_no_status(
    client: ConnectClient, worker: Worker
) -> None:
    worker.answers = [(404, {"message": "no such connector"})]
    assert client.config("x") is None
    assert client.status("x") is None


def test_a_refused_configuration_tells_the_workers_reason(client: ConnectClient, worker: Worker) -> None:
    worker.answers = [(400, {"message": "slot.name is missing; connection mongodb://u:topsecret@h/ bad"})]
    with pytest.raises(ReplicationError, match=r"slot\.name is missing") as refused:
        client.put_config("x", {})
    assert "topsecret" not in str(refused.value)


def test_a_wrong_password_says_what_to_set(client: ConnectClient, worker: Worker) -> None:
    worker.answers = [(401, {"message": "User cannot access the resource."})]
    with pytest.raises(ReplicationError, match="RETAIL_CONNECT_URL"):
        client.names()


def test_a_worker_that_does_not_answer_is_one_clear_error_without_its_password() -> None:
    with (
        ConnectClient("http://connect:topsecret@127.0.0.1:1") as nobody,
        pytest.raises(ReplicationError, match="does not answer") as unreachable,
    ):
        nobody.names()
    assert "topsecret" not in str(unreachable.value)


def test_running_means_the_connector_and_every_task(client: ConnectClient, worker: Worker) -> None:
    worker.answers = [
        (200, status("RUNNING")),
        (200, status("RUNNING", "RUNNING", "UNASSIGNED")),
        (200, status("RUNNING", "RUNNING", "RUNNING")),
    ]
    assert set(client.wait_running(["x"])) == {"x"}
    assert len(worker.asked) == 3


def test_a_failed_task_ends_the_wait_with_its_causes_and_no_password(client: ConnectClient, worker: Worker) -> None:
    trace = (
        "org.apache.kafka.connect.errors.ConnectException: no\n\tat a.B\n"
        "Caused by: x.Refused: mongodb://u:topsecret@h/ password=other-secret\n\tat c.D\n"
    )
    worker.answers = [(200, status("RUNNING", "FAILED", trace=trace))]
    with pytest.raises(ReplicationError, match=r"(?s)ConnectException: no.*Refused") as failed:
        client.wait_running(["x"])
    assert "secret" not in str(failed.value)
    assert "a.B" not in str(failed.value)


def test_a_connector_that_never_runs_is_named_with_its_state(client: ConnectClient, worker: Worker) -> None:
    worker.answers = [(200, status("RUNNING", "UNASSIGNED"))]
    with pytest.raises(ReplicationError, match="UNASSIGNED"):
        client.wait_running(["x"], seconds=0.3)


def test_what_a_connector_has_kept_is_given_by_partition(client: ConnectClient, worker: Worker) -> None:
    kept = [{"partition": {"server": "a"}, "offset": {"lsn": 7}}, {"partition": {"server": "b"}, "offset": None}]
    worker.answers = [(200, {"offsets": kept}), (404, {"message": "no such connector"})]
    assert client.offsets("x") == [{"lsn": 7}]
    assert client.offsets("x") == []


def test_only_what_failed_is_restarted(client: ConnectClient, worker: Worker) -> None:
    worker.answers = [(200, status("RUNNING", "RUNNING"))]
    assert client.restart_failed("x") is False
    worker.answers = [(200, status("RUNNING", "FAILED")), (202, {})]
    assert client.restart_failed("x") is True
    assert worker.asked[-1] == "POST /connectors/x/restart?includeTasks=true&onlyFailed=true"


def test_a_connector_without_tasks_does_not_run() -> None:
    assert not connect.is_running(status("RUNNING"))
    assert connect.is_running(status("RUNNING", "RUNNING"))
