-- Purpose: the ledger entry of the file, with its account of rows; the rows that are set aside; those of earlier files
--          that this one corrects. An entry of the same file from when it was refused is replaced.
-- Caller:  warehouse.load, after 03; `accepted` in `staging.verdict` decides whether more follows.
-- Locks:   row exclusive; nothing else writes these tables.

delete from retail.quarantine as aside
using retail.files as ledger, staging.this_load as this_load
where aside.file_id = ledger.file_id and ledger.sha256 = this_load.sha256 and not ledger.accepted;

delete from retail.files as ledger
using staging.this_load as this_load
where ledger.sha256 = this_load.sha256 and not ledger.accepted;

insert into retail.files (
    file_id, sha256, accepted, name, bytes, rows_read, rows_loaded, rows_quarantined, rows_duplicate, conflicts,
    warnings, loaded_at, seconds
)
select
    this_load.file_id,
    this_load.sha256,
    verdict.accepted,
    this_load.file_name,
    this_load.bytes,
    verdict.rows_read,
    case when verdict.accepted then verdict.rows_loaded else 0 end as rows_loaded,
    verdict.rows_quarantined,
    verdict.rows_duplicate,
    '{}' as conflicts,
    '{}' as warnings,
    now() as loaded_at,
    extract(epoch from clock_timestamp() - this_load.started_at) as seconds
from staging.this_load as this_load
cross join staging.verdict as verdict;

insert into retail.quarantine (file_id, file_line, store_id, transaction_id, reasons, row_values)
select
    this_load.file_id,
    rejected.file_line,
    rejected.store_id,
    rejected.transaction_id,
    rejected.reasons,
    rejected.row_values
from staging.rejected as rejected
cross join staging.this_load as this_load
order by rejected.file_line;

update retail.quarantine as aside
set released_by = this_load.file_id
from staging.corrected as corrected, staging.this_load as this_load, staging.verdict as verdict
where
    verdict.accepted
    and aside.file_id = corrected.aside_file
    and aside.file_line = corrected.aside_line;
