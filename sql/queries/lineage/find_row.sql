-- What a row id stands for among the artifacts that one was made from, and those made from it.
-- params: $row $stage $key
-- columns: kind, id, artifact, about
with near as (
    select
        near_stage as stage,
        near_key as key
    from nearby
    where stage = $stage and key = $key
),

near_digests as (
    select distinct a.digest as artifact
    from artifacts as a
    inner join near using (stage, key)
)

select
    'problem' as kind,
    id,
    artifact,
    json_object('split', split, 'difficulty', difficulty, 'question', question) as about
from problems
inner join near_digests using (artifact)
where id = $row
union all
select
    'primitive' as kind,
    id,
    artifact,
    json_object('name', name, 'instruction', instruction, 'verdict', verdict, 'reason', reason) as about
from primitives
inner join near_digests using (artifact)
where id = $row
union all
select
    'demonstration' as kind,
    id,
    artifact,
    json_object('problem_id', problem_id, 'primitive_id', primitive_id, 'teacher', teacher) as about
from demonstrations
inner join near_digests using (artifact)
where id = $row
union all
select
    'sft_example' as kind,
    id,
    artifact,
    json_object('demonstration_id', demonstration_id, 'problem_id', problem_id) as about
from sft_dataset
inner join near_digests using (artifact)
where id = $row
order by kind, artifact
