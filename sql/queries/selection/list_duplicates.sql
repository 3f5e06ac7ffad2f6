-- Each dropped duplicate beside the demonstration that was kept instead, most similar first.
-- params: $recipe $limit
-- columns: rule, similarity, dropped_id, dropped_think, kept_id, kept_think
select
    s.rule,
    s.similarity,
    dropped.id as dropped_id,
    dropped.think as dropped_think,
    kept.id as kept_id,
    kept.think as kept_think
from current_selection as s
inner join current_demonstrations as dropped
    on dropped.recipe = s.recipe and dropped.id = s.demonstration_id
inner join current_demonstrations as kept
    on kept.recipe = s.recipe and kept.id = s.duplicate_of
where s.recipe = $recipe and not s.kept
order by s.similarity desc, s.rule, dropped.id
limit $limit
