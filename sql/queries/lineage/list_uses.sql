-- Every step that began with an artifact: what was made from what.
-- params: $stage $key
-- columns: stage, key, name, input_stage, input_key, input_digest
with reached as (
    select
        $stage as stage,
        $key as key
    union all
    select
        descendant_stage,
        descendant_key
    from downstream
    where stage = $stage and key = $key
)

select i.*
from artifact_inputs as i
inner join reached on reached.stage = i.input_stage and reached.key = i.input_key
order by i.stage, i.key, i.name
