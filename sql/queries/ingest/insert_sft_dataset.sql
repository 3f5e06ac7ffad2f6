-- Copy the rows of an artifact's table sft_dataset.parquet into sft_dataset.
-- params: $artifact $path
-- columns: Count
insert into sft_dataset by name
select
    $artifact as artifact,
    id,
    demonstration_id,
    problem_id,
    primitive_id,
    prompt,
    completion
from read_parquet($path)
