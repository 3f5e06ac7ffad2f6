-- Copy the rows of an artifact's table primitives.parquet into primitives.
-- params: $artifact $path
-- columns: Count
insert into primitives by name
select
    $artifact as artifact,
    id,
    name,
    instruction,
    kind,
    program,
    provenance,
    screening,
    json_extract_string(screening, '$.verdict') as verdict,
    json_extract_string(screening, '$.reason') as reason
from read_parquet($path)
