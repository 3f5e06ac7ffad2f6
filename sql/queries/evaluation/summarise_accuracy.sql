-- pass@1 (mean over samples), the share that is right by sound reasoning, format rate and length, by split and difficulty.
-- params: $recipe
-- columns: model, split, difficulty, problems, completions, pass_at_1, sound, well_formed, mean_tokens
select
    model,
    split,
    difficulty,
    count(distinct problem_id) as problems,
    count(*) as completions,
    avg((reward >= 1)::integer) as pass_at_1,
    avg(sound::integer) as sound,
    avg(well_formed::integer) as well_formed,
    avg(tokens) as mean_tokens
from current_evaluation
where recipe = $recipe and stage = 'evaluation'
group by all
order by model, split, difficulty
