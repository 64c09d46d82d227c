"""MongoDB as a mirror of PostgreSQL: documents, initial snapshot, batch refresh, fidelity, repair, tenants."""
