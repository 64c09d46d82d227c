"""How do links between servers come to lead through the proxy? No configuration that a sensor compares is changed.

Connect's JVM opens its connections to PostgreSQL and MongoDB through the proxy because it is told of a SOCKS server.
Kafka's clients know none; they get a second listener of the broker, whose advertised port is the proxy's. Whoever
restarts these servers later starts them without all this.
"""

from __future__ import annotations

from retail_pipeline.stack.connect import Connect
from retail_pipeline.stack.kafka import Kafka
from retail_pipeline.stack.state import exclusively
from retail_pipeline_tests.faults.testbed import BACK_WITHIN, Testbed, until

_LISTENER = "PROXIED"
# The port at the server's end of each link.
_ENDS = {"postgres": "postgres", "mongo": "mongo", "kafka": "kafka_proxied"}


class _RoutedKafka(Kafka):
    """A broker that is also reached through the proxy."""

    through: int

    def prepare(self) -> None:
        super().prepare()
        path = self.folder / "server.properties"
        own = self.state.port(_ENDS["kafka"])
        known = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line and line[0] != "#")
        added = {
            "listeners": f"{known['listeners']},{_LISTENER}://127.0.0.1:{own}",
            "advertised.listeners": f"{known['advertised.listeners']},{_LISTENER}://127.0.0.1:{self.through}",
            "listener.security.protocol.map": f"{known['listener.security.protocol.map']},{_LISTENER}:SASL_PLAINTEXT",
        }
        own_settings = "listener.name.client."
        added |= {
            f"listener.name.{_LISTENER.lower()}.{name.removeprefix(own_settings)}": value
            for name, value in known.items()
            if name.startswith(own_settings)
        }
        with path.open("a") as file:
            # Of two lines with one name the later counts.
            file.writelines(f"{name}={value}\n" for name, value in added.items())


class _RoutedConnect(Connect):
    """A worker whose connections go through the proxy."""

    socks: int
    kafka: int

    def prepare(self) -> None:
        super().prepare()
        # Without the last, what is on this machine would be reached without a proxy.
        options = ("-DsocksProxyHost=127.0.0.1", f"-DsocksProxyPort={self.socks}", "-DsocksNonProxyHosts=")
        path = self.folder / "java.options"
        path.write_text("".join(f"{option}\n" for option in options) + path.read_text())
        with (self.folder / "worker.properties").open("a") as file:
            file.write(f"bootstrap.servers=127.0.0.1:{self.kafka}\n")


def end(testbed: Testbed, name: str) -> int:
    """Return the port at a server's end of its link, which is the link's name for the proxy."""
    return testbed.port(_ENDS[name])


def route(testbed: Testbed) -> None:
    """Let Kafka Connect reach everything through the proxy from now on; it is restarted where it does not yet."""
    if is_routed(testbed):
        return
    kafka, worker = _RoutedKafka(testbed.bare, testbed.state), _RoutedConnect(testbed.bare, testbed.state)
    worker.socks = testbed.proxy.socks()
    # A broker that the supervisor has restarted has no second listener; from the first its clients learn where to go.
    kafka.through = worker.kafka = testbed.proxy.forward(end(testbed, "kafka"), testbed.port("kafka"))
    with exclusively(testbed.home, print):
        worker.down()
        kafka.down()
        kafka.up()
        worker.up()
    until(lambda: is_routed(testbed), "Kafka Connect reaches everything through the proxy", BACK_WITHIN)
    with testbed.connect() as client:
        client.wait_running(client.names(), BACK_WITHIN)


def is_routed(testbed: Testbed) -> bool:
    """Whether Kafka Connect reaches everything through the proxy."""
    return all(testbed.proxy.connections(end(testbed, name)) for name in _ENDS)
