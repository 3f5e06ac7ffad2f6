-- Copy the rows of an artifact's table of scored completions into evaluation.
-- params: $artifact $path
-- columns: Count
insert into evaluation by name
select
    $artifact as artifact,
    model,
    problem_id,
    split,
    difficulty,
    sample,
    completion,
    reward,
    well_formed,
    finished,
    tokens,
    entropy,
    reason,
    columns('^(moves|sound)$') -- a table from before has no sound
from read_parquet($path)
