create table consensus_runs (
    id integer primary key autoincrement,
    spec_id text not null,
    stage text not null,
    run_timestamp text not null,
    -- Null until somebody decides.
    consensus_ok integer,
    degraded integer not null default 0,
    synthesis_json text,
    -- What the old schema calls run_id: the name that a caller has for the run.
    legacy_run_id text,
    -- The row of consensus_synthesis that the synthesis is from.
    legacy_synthesis_id integer,
    -- The time that a run of the old schema was given, once more: so a change is noticed.
    mapped_timestamp text,
    unique (spec_id, stage, run_timestamp)
);
create index consensus_runs_spec_stage on consensus_runs(spec_id, stage, legacy_run_id);
create index consensus_runs_timestamp on consensus_runs(run_timestamp);
-- No row of the old schema is mapped twice.
create unique index consensus_runs_legacy on consensus_runs(legacy_synthesis_id)
    where legacy_synthesis_id is not null;

-- The output that an artifact of the old schema is has the id of the artifact.
create table agent_outputs (
    id integer primary key autoincrement,
    run_id integer not null references consensus_runs(id) on delete cascade,
    agent_name text not null,
    model_version text,
    content text not null,
    output_timestamp text not null,
    response_text text,
    -- What one schema has and the other has no column for.
    legacy_json text
);
create index agent_outputs_run on agent_outputs(run_id);
create index agent_outputs_agent on agent_outputs(agent_name, output_timestamp);

-- What the old schema and the new one do not agree on, with both sides.
create table run_mismatches (
    id integer primary key autoincrement,
    fingerprint text not null unique,
    kind text not null,
    legacy_table text,
    legacy_id integer,
    new_table text,
    new_id integer,
    columns_json text not null,
    legacy_json text,
    new_json text,
    found_by text not null,
    first_seen_at text not null,
    last_seen_at text not null,
    times_seen integer not null default 1,
    resolved_at text
);
create index run_mismatches_open on run_mismatches(id) where resolved_at is null;

-- Rows of the old schema that the new one cannot hold, and why. They stay where they are.
create table run_unmapped (
    legacy_table text not null,
    legacy_id integer not null,
    reason text not null,
    found_at text not null,
    primary key (legacy_table, legacy_id)
) without rowid;

-- How far the way from the old schema to the new one is gone.
create table run_state (
    name text primary key,
    value text not null
) without rowid;

-- Rows of the old schema that were written while a cutover compares.
create table run_changes (
    id integer primary key autoincrement,
    legacy_table text not null,
    legacy_id integer not null
);
