"""Which advisory locks are there? The registry of their numbers, each with what its holder does.

They are any numbers, as long as nothing else locks them in the same database. What executes SQL takes them from here.
"""

from __future__ import annotations

# Applies migrations.
MIGRATION = 7_237_418_305
# Loads a file, or completes the stock of one.
LOAD = 7_237_418_306
# Measures, in databases of its own: held in the database of the administrator's address.
BENCH = 7_237_418_307
# Changes logins, for a transaction. It is not the load's lock, so a store is disabled beside a load.
LOGINS = 7_237_418_308
# Watches what stores do, for as long as it runs.
WATCH = 7_237_418_309
# Creates or changes publications, for a transaction.
PUBLICATIONS = 7_237_418_310
# Writes collections: initial snapshot, batch, repair and re-snapshot exclude each other.
MIRROR = 7_238_001
# Writes the collections of analyses, which take minutes: repairs do not wait for them.
ANALYSES = 7_238_002
# Executes a run, in Dagster's database: the lock is the hash of the run's id with this seed, and shared.
RUN_SEED = 7_238_003
