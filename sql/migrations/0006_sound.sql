-- Whether a completion is right by reasoning in which every step follows; null where an artifact is from before.

alter table evaluation add column sound boolean;

create or replace view current_evaluation as
select c.recipe, c.stage, e.* from evaluation as e inner join current_artifacts as c using (artifact);

create or replace view model_evaluations as
select
    i.input_stage as model_stage,
    i.input_key as model_key,
    i.input_digest as model_digest,
    a.key as evaluation_key,
    e.* exclude (artifact)
from artifacts as a
inner join artifact_inputs as i on i.stage = a.stage and i.key = a.key
inner join evaluation as e
    on e.artifact = a.digest and e.model = case i.name when 'backbone' then 'base' else i.name end
where a.stage = 'evaluation';
comment on view model_evaluations is 'The scored completions of every model that was evaluated.';
