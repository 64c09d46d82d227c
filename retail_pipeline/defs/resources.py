"""The one resource: where the servers are. See https://docs.dagster.io/guides/build/external-resources."""

from dataclasses import replace

import dagster as dg

from retail_pipeline.settings import Settings


class Platform(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The addresses of PostgreSQL, MongoDB, Kafka and Kafka Connect, each from its environment variable."""

    postgres_dsn: str
    mongo_uri: str
    kafka_bootstrap: str
    connect_url: str

    def settings(self) -> Settings:
        """Give the settings that the packages below take."""
        return replace(
            Settings.from_environment(),
            postgres_dsn=self.postgres_dsn,
            mongo_uri=self.mongo_uri,
            kafka_bootstrap=self.kafka_bootstrap,
            connect_url=self.connect_url,
        )


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
    """Give every asset, check and sensor the resource."""
    return dg.Definitions(resources=RESOURCES)
