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
    moves
from read_parquet($path)
