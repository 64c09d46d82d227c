"""MongoDB as a mirror of PostgreSQL: documents, hand-over to the stream, batch refresh, fidelity, repair, tenants."""
