-- Copy the rows of an artifact's table problems.parquet into problems.
-- params: $artifact $path
-- columns: Count
insert into problems by name
select
    $artifact as artifact,
    id,
    environment,
    question,
    answer,
    split,
    difficulty,
    json_extract_string(metadata, '$.canonical_hash') as canonical_hash,
    metadata
from read_parquet($path)
