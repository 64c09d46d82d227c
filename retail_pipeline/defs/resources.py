"""What steps are given: where the servers are, and which file a load is of.

See https://docs.dagster.io/guides/build/external-resources.
"""

from dataclasses import replace
from pathlib import Path

import dagster as dg
from pydantic import Field

from retail_pipeline.names import from_text
from retail_pipeline.settings import SAMPLE, Settings


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The addresses of PostgreSQL, MongoDB, Kafka and Kafka Connect, each from its environment variable."""

    postgres_dsn: str
    mongo_uri: str
    kafka_bootstrap: str
    connect_url: str

    def settings(self) -> Settings:
        """Return the settings that the packages below take."""
        return replace(
            Settings.from_environment(),
            postgres_dsn=self.postgres_dsn,
            mongo_uri=self.mongo_uri,
            kafka_bootstrap=self.kafka_bootstrap,
            connect_url=self.connect_url,
        )


class SalesFile(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The file of a run: in its run config alone, so that two runs at once never see each other's."""

    csv: str = Field(
        "",
        description="The path, or a file: URI where the path is no UTF-8. Empty: the file that RETAIL_CSV names, else "
        "the sample, where no other file is loaded.",
    )
    accept: bool = Field(
        False,  # noqa: FBT003 - pydantic's default
        description="Whether it loads although more of its rows are quarantined than the allowed share.",
    )

    @property
    def named(self) -> Path | None:
        """Return the file that somebody named; None where nobody did."""
        if not self.csv:
            return Settings.from_environment().csv
        return from_text(self.csv).expanduser().resolve()

    @property
    def path(self) -> Path:
        """Return the file: the sample, where nobody named one."""
        return self.named or SAMPLE


# Addresses hold passwords, so they are never values in a configuration: only names of variables.
RESOURCES = {
    "platform": Platform(
        postgres_dsn=dg.EnvVar("RETAIL_POSTGRES_DSN"),
        mongo_uri=dg.EnvVar("RETAIL_MONGO_URI"),
        kafka_bootstrap=dg.EnvVar("RETAIL_KAFKA_BOOTSTRAP"),
        connect_url=dg.EnvVar("RETAIL_CONNECT_URL"),
    )
}


@dg.definitions
def resources() -> dg.Definitions:
    """Return the resources of every asset, check and sensor."""
    return dg.Definitions(resources=RESOURCES | {"sales_file": SalesFile(csv="", accept=False)})
