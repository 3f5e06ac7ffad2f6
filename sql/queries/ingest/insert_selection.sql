-- Copy the rows of an artifact's table selection.parquet into selection.
-- params: $artifact $path
-- columns: Count
insert into selection by name
select
    $artifact as artifact,
    demonstration_id,
    kept,
    rule,
    duplicate_of::text as duplicate_of,
    similarity::double as similarity,
    rank::integer as rank
from read_parquet($path)
