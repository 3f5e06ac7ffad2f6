-- The way of every demonstration that a problem, primitive, demonstration or training row has a part in: made from
-- what, verified how, kept or dropped why; among the artifacts that one was made from, and those made from it.
-- params: $row $stage $key
-- columns: selection_key, sft_dataset_key, problem_id, split, difficulty, primitive_id, primitive, demonstration_id, teacher, reward, verdict_reason, kept, rule, duplicate_of, similarity, rank, sft_example_id
with near as (
    select
        near_stage as stage,
        near_key as key
    from nearby
    where stage = $stage and key = $key
)

select
    p.selection_key,
    p.sft_dataset_key,
    p.problem_id,
    p.split,
    p.difficulty,
    p.primitive_id,
    p.primitive,
    p.demonstration_id,
    p.teacher,
    p.reward,
    p.verdict_reason,
    p.kept,
    p.rule,
    p.duplicate_of,
    p.similarity,
    p.rank,
    p.sft_example_id
from row_provenance as p
inner join near as s on s.stage = 'selection' and s.key = p.selection_key
left join near as x on x.stage = 'sft_dataset' and x.key = p.sft_dataset_key
where
    (p.sft_dataset_key is null or x.key is not null)
    and $row in (p.problem_id, p.primitive_id, p.demonstration_id, p.sft_example_id)
order by p.kept desc, p.rank, p.demonstration_id
