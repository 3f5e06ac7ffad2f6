-- Rows in and kept, and dropped by reason, of each stage that the flow runs of a recipe used; newest run first.
-- params: $recipe
-- columns: run, stage, entered, kept, dropped
select
    f.run,
    f.stage,
    f.entered,
    f.kept,
    f.dropped
from run_funnel as f
inner join (select run, min(coalesce(started, ended)) as begun from attempts group by all) as r using (run)
inner join artifacts as a using (stage, key)
where f.recipe = $recipe
order by r.begun desc, a.created, f.stage
