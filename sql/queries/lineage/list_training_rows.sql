-- Every row that the warm start was trained on, with what it was made from, in order of rank.
-- params: $recipe
-- columns: sft_example_id, demonstration_id, problem_id, primitive_id, primitive, difficulty, teacher, rank
select
    sft_example_id,
    demonstration_id,
    problem_id,
    primitive_id,
    primitive,
    difficulty,
    teacher,
    rank
from provenance
where recipe = $recipe and sft_example_id is not null
order by rank
