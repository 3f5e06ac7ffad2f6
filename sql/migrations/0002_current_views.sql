-- The rows of the latest run of each recipe, for people: the tables without what older runs left.

create view current_problems as
select c.recipe, p.* from problems as p inner join current_artifacts as c using (artifact);

create view current_primitives as
select c.recipe, p.* from primitives as p inner join current_artifacts as c using (artifact);

create view current_demonstrations as
select c.recipe, d.* from demonstrations as d inner join current_artifacts as c using (artifact);

create view current_verdicts as
select c.recipe, v.* from verdicts as v inner join current_artifacts as c using (artifact);

create view current_selection as
select c.recipe, s.* from selection as s inner join current_artifacts as c using (artifact);

create view current_sft_dataset as
select c.recipe, s.* from sft_dataset as s inner join current_artifacts as c using (artifact);

create view current_evaluation as
select c.recipe, c.stage, e.* from evaluation as e inner join current_artifacts as c using (artifact);

create view provenance as
select
    d.recipe,
    d.id as demonstration_id,
    d.teacher,
    d.tokens,
    q.id as problem_id,
    q.environment,
    q.split,
    q.difficulty,
    q.canonical_hash,
    z.id as primitive_id,
    z.name as primitive,
    z.kind as primitive_kind,
    z.provenance as primitive_provenance,
    v.reward,
    v.reason as verdict_reason,
    s.kept,
    s.rule,
    s.duplicate_of,
    s.similarity,
    s.rank,
    x.id as sft_example_id
from current_demonstrations as d
left join current_problems as q on q.recipe = d.recipe and q.id = d.problem_id
left join current_primitives as z on z.recipe = d.recipe and z.id = d.primitive_id
left join current_verdicts as v on v.recipe = d.recipe and v.demonstration_id = d.id
left join current_selection as s on s.recipe = d.recipe and s.demonstration_id = d.id
left join current_sft_dataset as x on x.recipe = d.recipe and x.demonstration_id = d.id;
comment on view provenance is 'Of every demonstration: its problem, primitive, verdict, decision and training row.';
