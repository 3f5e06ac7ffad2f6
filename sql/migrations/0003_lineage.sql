-- What manifests and lineage events say: artifacts and what each was made from, and every attempt at a stage.
-- An artifact's rows are named by the digest of its content, as its manifest and all lineage name it.

drop table artifacts;
drop table current_artifacts;

create table artifacts (
    stage text not null,
    key text not null,
    digest text not null,
    recipe text not null,
    uri text not null,
    created timestamptz,
    seconds double not null,
    row_count bigint not null,
    file_count integer not null,
    bytes bigint not null,
    spec json not null,
    summary json not null,
    producer json not null,
    environment json not null
);
comment on table artifacts is 'The artifacts of the store, one row a manifest; recipe is the one that made it.';

create table artifact_inputs (
    stage text not null,
    key text not null,
    name text not null,
    input_stage text not null,
    input_key text not null,
    input_digest text not null
);
comment on table artifact_inputs is 'What each artifact was made from.';

create table attempts (
    attempt text not null,
    run text not null,
    recipe text not null,
    stage text not null,
    key text not null,
    state text not null,
    cached boolean not null,
    started timestamptz,
    ended timestamptz,
    digest text not null,
    row_count bigint not null,
    error text not null,
    model text,
    model_version integer
);
comment on table attempts is
'Every attempt at a stage and every cache hit. state is that of the last event: START means running, or killed.';

create table ingested (artifact text primary key);
comment on table ingested is 'Digests of the artifacts whose rows are in the tables.';

create view current_artifacts as
with told as (
    select
        recipe,
        stage,
        key,
        ended as used
    from attempts
    where state = 'COMPLETE'
    union all
    select
        recipe,
        stage,
        key,
        created as used
    from artifacts
)

select
    told.recipe,
    told.stage,
    arg_max(told.key, told.used) as key,
    arg_max(artifacts.digest, told.used) as artifact
from told
inner join artifacts using (stage, key)
group by all;
comment on view current_artifacts is 'The artifact of each stage that a recipe made or used last.';
