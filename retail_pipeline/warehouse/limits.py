"""How much may a store take of what all share? Every limit of a store in PostgreSQL and MongoDB, in this one place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Defaults of a session, which a store may change for itself; the watch ends what lasts longer whatever it has set.
SETTINGS: Mapping[str, str] = {
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "60s",
    "transaction_timeout": "5min",
}
# What only a superuser may change. The server's log takes neither what a store says with RAISE nor its errors: in the
# order of the server's log, LOG and WARNING come below FATAL.
BOUNDS: Mapping[str, str] = {
    "temp_file_limit": "256MB",
    "log_min_messages": "fatal",
    "log_min_error_statement": "panic",
    "log_temp_files": "-1",
}

MOST_CONNECTIONS, LEAST_CONNECTIONS = 40, 2
# Of the connections that are reserved for nobody, these are left to the services at ordinary times.
SERVICE_CONNECTIONS = 100

# The watch: in seconds, and shares or numbers where it says so. How often it looks, at least:
PAUSE = 2.0
STATEMENT = 60.0
TRANSACTION = 300.0
# A store may keep others waiting for so long.
WAIT = 2.0
# A part of the queue of notifications, above which its tail counts as held by the oldest transaction older than this,
# once it has not become shorter for as long.
QUEUE_SHARE, QUEUE_HOLDER = 0.01, 5.0
# The stream's position waits for a transaction that has written.
WRITE_TRANSACTION = 60.0
# In transactions of all, which no vacuum can clean up after; and in seconds, for others make transactions, too.
HORIZON, HORIZON_SECONDS = 100_000, 60.0
# Acts for what a store did to others, and the seconds within which so many shut it out.
SHUT_OUT_AFTER, SHUT_OUT_WINDOW = 3, 600

# MongoDB has no limit of memory for one user or operation. Above so many bytes in use beside its cache, an operation of
# a store that has lasted so many seconds is ended.
MONGO_MEMORY, MONGO_HURRY = 1536 * 1024**2, 1.0


def connections(stores: int, free: int) -> int:
    """Return how many connections a store may have, of so many stores and connections that nobody is reserved.

    The limits of all stores add up to less than `free`, up to the number of stores at which each has its least.
    """
    share = (free - SERVICE_CONNECTIONS) // max(stores, 1)
    return max(LEAST_CONNECTIONS, min(MOST_CONNECTIONS, share))


def free_connections(cursor: Any) -> int:
    """Ask the server how many connections it has that are reserved for nobody."""
    cursor.execute(
        "select current_setting('max_connections')::integer - current_setting('reserved_connections')::integer"
        " - current_setting('superuser_reserved_connections')::integer"
    )
    ((free,),) = cursor.fetchall()
    return int(free)


def markdown() -> str:
    """Write the limits as a table for the documentation."""
    lines = ["| limit | of each store | who can lift it |", "|---|---|---|"]
    lines += [f"| `{name}` | {value} | the store, until the next run |" for name, value in SETTINGS.items()]
    lines += [f"| `{name}` | {value} | a superuser |" for name, value in BOUNDS.items()]
    hard = {
        "connections": f"{MOST_CONNECTIONS}, less where there are many stores, at least {LEAST_CONNECTIONS}",
        "a statement, and an operation in MongoDB": f"{STATEMENT:.0f} s",
        "a transaction": f"{TRANSACTION / 60:.0f} min",
        "a transaction that has written": f"{WRITE_TRANSACTION:.0f} s",
        "keeping others waiting": f"{WAIT:.0f} s",
        f"a transaction while the queue of notifications is over {QUEUE_SHARE:.0%} full and becomes no shorter": (
            f"{QUEUE_HOLDER:.0f} s"
        ),
        "a snapshot that no vacuum can clean up behind": f"{HORIZON_SECONDS:.0f} s and {HORIZON:,} transactions of all",
        f"an operation in MongoDB that has over {MONGO_MEMORY // 1024**2} MB beside its cache": f"{MONGO_HURRY:.0f} s",
    }
    lines += [f"| {name} | {value} | nobody |" for name, value in hard.items()]
    return "\n".join(lines) + "\n"
