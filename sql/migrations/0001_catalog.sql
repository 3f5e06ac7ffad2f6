-- One table for each product that has rows; `artifact` says which immutable artifact a row came from.
-- Everything here is copied from artifacts and can be rebuilt from them.

create table artifacts (
    artifact text primary key,
    stage text not null,
    ingested_at timestamptz not null default now()
);
comment on table artifacts is 'Artifacts whose rows are in the catalog; artifact is the digest of their content.';

create table current_artifacts (
    recipe text not null,
    stage text not null,
    artifact text not null,
    primary key (recipe, stage)
);
comment on table current_artifacts is 'Which artifact of each stage the latest run of a recipe used.';

create table problems (
    artifact text not null,
    id text not null,
    environment text not null,
    question text not null,
    answer text not null,
    split text not null,
    difficulty integer not null,
    canonical_hash text not null,
    metadata json not null,
    primary key (artifact, id)
);

create table primitives (
    artifact text not null,
    id text not null,
    name text not null,
    instruction text not null,
    kind text not null,
    program json not null,
    provenance json not null,
    screening json not null,
    verdict text,
    reason text,
    primary key (artifact, id)
);

create table demonstrations (
    artifact text not null,
    id text not null,
    problem_id text not null,
    primitive_id text not null,
    teacher text not null,
    think text not null,
    answer_text text not null,
    tokens integer not null,
    seed bigint not null,
    primary key (artifact, id)
);

create table verdicts (
    artifact text not null,
    demonstration_id text not null,
    reward double not null,
    checks json not null,
    reason text not null,
    primary key (artifact, demonstration_id)
);

create table selection (
    artifact text not null,
    demonstration_id text not null,
    kept boolean not null,
    rule text not null,
    duplicate_of text,
    similarity double,
    rank integer,
    primary key (artifact, demonstration_id)
);

create table sft_dataset (
    artifact text not null,
    id text not null,
    demonstration_id text not null,
    problem_id text not null,
    primitive_id text not null,
    prompt json not null,
    completion json not null,
    primary key (artifact, id)
);

create table evaluation (
    artifact text not null,
    model text not null,
    problem_id text not null,
    split text not null,
    difficulty integer not null,
    sample integer not null,
    completion text not null,
    reward double not null,
    well_formed boolean not null,
    finished boolean not null,
    tokens integer not null,
    entropy double not null,
    reason text not null,
    moves json not null,
    primary key (artifact, model, problem_id, sample)
);
comment on table evaluation is 'Scored completions of the probe and evaluation stages.';
