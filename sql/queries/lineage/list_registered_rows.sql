-- Every row that the model models:/$model@$alias was fine-tuned on (kept) or not (with the rule that dropped it).
-- params: $model $alias
-- columns: demonstration_id, problem_id, primitive_id, reward, verdict_reason, kept, rule, duplicate_of, similarity, rank, sft_example_id
select
    p.demonstration_id,
    p.problem_id,
    p.primitive_id,
    p.reward,
    p.verdict_reason,
    p.kept,
    p.rule,
    p.duplicate_of,
    p.similarity,
    p.rank,
    p.sft_example_id
from registered_models as m
inner join model_rows as p on p.model_stage = m.model_stage and p.model_key = m.model_key
where m.name = $model and m.model_stage = $alias and m.is_current
order by p.kept desc, p.rank, p.demonstration_id
