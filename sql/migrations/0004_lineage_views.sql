-- The questions that lineage answers: up and down from an artifact, a row's whole way, impact, funnel and cost.

create view upstream as
with recursive reached (stage, key, ancestor_stage, ancestor_key, depth) as (
    select
        stage,
        key,
        input_stage,
        input_key,
        1
    from artifact_inputs
    union
    select
        r.stage,
        r.key,
        i.input_stage,
        i.input_key,
        r.depth + 1
    from reached as r
    inner join artifact_inputs as i on i.stage = r.ancestor_stage and i.key = r.ancestor_key
)

select
    stage,
    key,
    ancestor_stage,
    ancestor_key,
    min(depth) as depth
from reached
group by all;
comment on view upstream is 'Everything that an artifact was made from, directly (depth 1) or not.';

create view downstream as
select
    ancestor_stage as stage,
    ancestor_key as key,
    stage as descendant_stage,
    key as descendant_key,
    depth
from upstream;
comment on view downstream is 'Everything that was made from an artifact, directly (depth 1) or not.';

create view models as
select
    stage as model_stage,
    key as model_key,
    digest as model_digest
from artifacts
where stage in ('warm_start', 'policy');
comment on view models is 'The trained models.';

create view registered_models as
with versions as (
    select
        model as name,
        model_version as version,
        stage as model_stage,
        digest as model_digest,
        arg_max(key, ended) as model_key,
        max(ended) as used
    from attempts
    where model is not null
    group by all
)

select
    *,
    used = max(used) over (partition by name, model_stage) as is_current
from versions;
comment on view registered_models is
'Versions of registered models; of each product the current one has the product as its alias in MLflow.';

create view row_paths as
select
    s.key as selection_key,
    s.digest as selection,
    x.key as sft_dataset_key,
    x.digest as sft_dataset,
    max(i.input_digest) filter (where i.name = 'problems') as problems,
    max(i.input_digest) filter (where i.name = 'primitives') as primitives,
    max(i.input_digest) filter (where i.name = 'demonstrations') as demonstrations,
    max(i.input_digest) filter (where i.name = 'verdicts') as verdicts
from artifacts as s
inner join artifact_inputs as i on i.stage = s.stage and i.key = s.key
left join artifact_inputs as xs
    on xs.stage = 'sft_dataset' and xs.name = 'selection' and xs.input_stage = s.stage and xs.input_key = s.key
left join artifacts as x on x.stage = xs.stage and x.key = xs.key
where s.stage = 'selection'
group by all;
comment on view row_paths is
'Of each selection, and each set of training rows made from it: the content of everything that its rows came from.';

create view row_provenance as
select
    r.selection_key,
    r.sft_dataset_key,
    s.demonstration_id,
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
from row_paths as r
inner join selection as s on s.artifact = r.selection
left join demonstrations as d on d.artifact = r.demonstrations and d.id = s.demonstration_id
left join problems as q on q.artifact = r.problems and q.id = d.problem_id
left join primitives as z on z.artifact = r.primitives and z.id = d.primitive_id
left join verdicts as v on v.artifact = r.verdicts and v.demonstration_id = s.demonstration_id
left join sft_dataset as x on x.artifact = r.sft_dataset and x.demonstration_id = s.demonstration_id;
comment on view row_provenance is
'Of every demonstration that a selection decided on: problem, primitive, verdict, decision and training row.';

drop view provenance;
create view provenance as
select
    c.recipe,
    p.* exclude (selection_key, sft_dataset_key)
from row_provenance as p
inner join current_artifacts as c on c.stage = 'selection' and c.key = p.selection_key
left join current_artifacts as x on x.recipe = c.recipe and x.stage = 'sft_dataset'
where p.sft_dataset_key is null or p.sft_dataset_key = x.key;
comment on view provenance is 'The row_provenance of what each recipe used last.';

create view model_rows as
select
    m.model_stage,
    m.model_key,
    m.model_digest,
    p.*
from models as m
inner join upstream as u
    on u.stage = m.model_stage and u.key = m.model_key and u.ancestor_stage = 'sft_dataset'
inner join row_provenance as p on p.sft_dataset_key = u.ancestor_key;
comment on view model_rows is
'Of every model, each row that it was fine-tuned on (kept) and each that was dropped, with the reason (rule).';

create view model_problems as
select
    a.stage as model_stage,
    a.key as model_key,
    a.digest as model_digest,
    q.id as problem_id,
    q.canonical_hash,
    q.difficulty
from artifacts as a
inner join artifact_inputs as i on i.stage = a.stage and i.key = a.key and i.name = 'problems'
inner join problems as q on q.artifact = i.input_digest and q.split = 'train'
where a.stage = 'policy';
comment on view model_problems is 'The problems that reinforcement learning drew from.';

create view model_evaluations as
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

create view impact as
select
    'fine_tuned' as relation,
    model_stage,
    model_key,
    model_digest,
    problem_id,
    primitive_id,
    demonstration_id
from model_rows
where kept
union all
select
    'dropped' as relation,
    model_stage,
    model_key,
    model_digest,
    problem_id,
    primitive_id,
    demonstration_id
from model_rows
where not kept
union all
select
    'reinforced' as relation,
    model_stage,
    model_key,
    model_digest,
    problem_id,
    null as primitive_id,
    null as demonstration_id
from model_problems
union all
select
    'evaluated' as relation,
    model_stage,
    model_key,
    model_digest,
    problem_id,
    null as primitive_id,
    null as demonstration_id
from model_evaluations;
comment on view impact is
'Which models a problem, primitive or demonstration reached: fine_tuned on it, dropped before, reinforced, evaluated.';

create view run_funnel as
select
    t.run,
    t.recipe,
    t.stage,
    t.key,
    (a.summary ->> '$.funnel.in')::bigint as entered,
    (a.summary ->> '$.funnel.kept')::bigint as kept,
    a.summary -> '$.funnel.dropped' as dropped
from attempts as t
inner join artifacts as a using (stage, key)
where t.state = 'COMPLETE' and json_exists(a.summary, '$.funnel');
comment on view run_funnel is 'Rows in, kept, and dropped by reason, of each stage that a flow run used.';

create view stage_cost as
select
    recipe,
    stage,
    count(*) as attempts,
    count(*) filter (where cached) as hits,
    count(*) filter (where state = 'COMPLETE' and not cached) as made,
    count(*) filter (where state in ('FAIL', 'ABORT')) as failures,
    count(*) filter (where state = 'START') as unfinished,
    coalesce(sum(epoch(ended) - epoch(started)), 0) as seconds
from attempts
group by all;
comment on view stage_cost is
'What each stage of a recipe came to: attempts, hits, failures, and seconds of those that ran to an end.';
