-- How the screening of candidate primitives went: how many by verdict and reason.
-- params: $recipe
-- columns: verdict, reason, primitives
select
    verdict,
    reason,
    count(*) as primitives
from current_primitives
where recipe = $recipe
group by all
order by verdict, primitives desc, reason
