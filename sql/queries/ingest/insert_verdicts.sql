-- Copy the rows of an artifact's table verdicts.parquet into verdicts.
-- params: $artifact $path
-- columns: Count
insert into verdicts by name
select
    $artifact as artifact,
    demonstration_id,
    reward,
    checks,
    reason
from read_parquet($path)
