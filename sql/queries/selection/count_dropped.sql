-- Why demonstrations were dropped, by primitive and rule, most frequent first.
-- params: $recipe
-- columns: primitive, rule, demonstrations, mean_similarity
select
    primitive,
    rule,
    count(*) as demonstrations,
    avg(similarity) as mean_similarity
from provenance
where recipe = $recipe and not kept
group by all
order by demonstrations desc, primitive, rule
