-- Training rows whose puzzle is also in an evaluation split; no rows where training is clean.
-- params: $recipe
-- columns: sft_example_id, demonstration_id, problem_id, evaluation_problem_id, evaluation_split
select
    p.sft_example_id,
    p.demonstration_id,
    p.problem_id,
    q.id as evaluation_problem_id,
    q.split as evaluation_split
from provenance as p
inner join current_problems as q
    on q.recipe = p.recipe and q.canonical_hash = p.canonical_hash and q.split != 'train'
where p.recipe = $recipe and p.sft_example_id is not null
order by p.sft_example_id, evaluation_problem_id
