-- Every step that led to an artifact: what was made from what.
-- params: $stage $key
-- columns: stage, key, name, input_stage, input_key, input_digest
with reached as (
    select
        $stage as stage,
        $key as key
    union all
    select
        ancestor_stage,
        ancestor_key
    from upstream
    where stage = $stage and key = $key
)

select i.*
from artifact_inputs as i
inner join reached using (stage, key)
order by i.stage, i.key, i.name
