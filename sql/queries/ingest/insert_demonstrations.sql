-- Copy the rows of an artifact's table demonstrations.parquet into demonstrations.
-- params: $artifact $path
-- columns: Count
insert into demonstrations by name
select
    $artifact as artifact,
    id,
    problem_id,
    primitive_id,
    teacher,
    think,
    answer_text,
    tokens,
    seed
from read_parquet($path)
