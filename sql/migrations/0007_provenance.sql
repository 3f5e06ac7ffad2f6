-- Provenance also of a recipe that used a selection without making training rows of it, where another recipe did.

drop view provenance;
create view provenance as
with decided as (
    select distinct columns(* exclude (sft_dataset_key, sft_example_id))
    from row_provenance
)

select
    c.recipe,
    d.* exclude (selection_key),
    x.id as sft_example_id
from current_artifacts as c
inner join decided as d on d.selection_key = c.key
left join current_artifacts as t on t.recipe = c.recipe and t.stage = 'sft_dataset'
left join row_paths as r on r.selection_key = c.key and r.sft_dataset_key = t.key
left join sft_dataset as x on x.artifact = r.sft_dataset and x.demonstration_id = d.demonstration_id
where c.stage = 'selection';
comment on view provenance is 'The row_provenance of what each recipe used last.';
