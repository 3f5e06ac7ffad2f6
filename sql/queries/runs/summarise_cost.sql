-- What each stage of a recipe cost: attempts, hits, failures, and seconds; most expensive first.
-- params: $recipe
-- columns: stage, attempts, hits, made, failures, unfinished, seconds
select
    stage,
    attempts,
    hits,
    made,
    failures,
    unfinished,
    seconds
from stage_cost
where recipe = $recipe
order by seconds desc, stage
