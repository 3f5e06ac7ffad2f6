-- How many puzzles two splits share, up to renaming and re-ordering; no rows where the splits are disjoint.
-- params: $recipe
-- columns: split, other_split, shared
select
    one.split,
    other.split as other_split,
    count(distinct one.canonical_hash) as shared
from current_problems as one
inner join current_problems as other
    on other.recipe = one.recipe and other.canonical_hash = one.canonical_hash and other.split > one.split
where one.recipe = $recipe
group by all
order by one.split, other_split
