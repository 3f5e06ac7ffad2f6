-- Which models a problem, primitive or demonstration reached, and how; among the artifacts near one.
-- params: $row $stage $key
-- columns: relation, model_stage, model_key, model_digest, rows
with near as (
    select
        near_stage as stage,
        near_key as key
    from nearby
    where stage = $stage and key = $key
)

select
    m.relation,
    m.model_stage,
    m.model_key,
    m.model_digest,
    count(*) as rows
from impact as m
inner join near on near.stage = m.model_stage and near.key = m.model_key
where $row in (m.problem_id, m.primitive_id, m.demonstration_id)
group by all
order by m.model_stage, m.model_key, m.relation
