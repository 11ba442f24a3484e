create table jobs (
    id integer primary key,
    kind text not null,
    -- Who may run it: the kind, or 'holder:N' for a function that only one holder has.
    queue text not null,
    state text not null default 'queued' check (
        state = 'queued' or state = 'running' or state = 'succeeded' or state = 'failed'
        or state = 'cancelled' or state = 'interrupted'
    ),
    -- 1 when it may be started, 0 until run_at has come; null when it is not queued.
    ready integer default 1 check ((ready is not null) = (state = 'queued')),
    priority integer not null default 0,
    owner text,
    dedupe_key text,
    payload text,
    result text,
    error text,
    -- Counts the starts. It is the fencing token too: whoever writes names the start it belongs to.
    attempt integer not null default 0,
    failures integer not null default 0,
    losses integer not null default 0,
    holder integer check (holder is null or state = 'running'),
    created_at text not null,
    run_at text,
    started_at text,
    seen_at text,
    finished_at text,
    cancel_requested_at text,
    percent real,
    phase text,
    message text
);

create index jobs_ready on jobs (queue, priority desc, id) where ready = 1;
create index jobs_later on jobs (run_at) where ready = 0;
create index jobs_held on jobs (holder) where holder is not null;
create unique index jobs_dedupe on jobs (kind, dedupe_key)
    where dedupe_key is not null and state in ('queued', 'running');

-- Written out: SQLite would build the table of a longer IN anew each time.
create trigger jobs_transition before update of state on jobs
when old.state <> new.state and not (
    old.state = 'queued' and (
        new.state = 'running' or new.state = 'cancelled' or new.state = 'interrupted'
    )
    or old.state = 'running'
    or new.state = 'queued' and old.state <> 'succeeded'
)
begin
    -- A text that is put together here would keep SQLite before 3.47 from opening the file.
    select raise(abort, 'a job cannot change from that state to this one');
end;

create table job_holders (
    id integer primary key,
    -- Boot and pid namespace: a pid says something only where these are the same.
    machine text not null,
    pid integer not null,
    pid_started integer not null,
    beat integer not null default 0,
    lease real not null,
    seen_at text not null
);

-- What a job's row no longer tells; the view job_history has everything.
create table job_events (
    id integer primary key,
    job_id integer not null references jobs on delete cascade,
    at text not null,
    event text not null,
    attempt integer not null,
    detail text
);
create index job_events_job on job_events (job_id, id);

-- Whoever queues a job again sets seen_at to that moment.
create trigger jobs_again after update of state on jobs
when new.state = 'queued' and old.state <> 'queued'
begin
    insert into job_events (job_id, at, event, attempt)
    select old.id, old.started_at, 'job_started', old.attempt where old.started_at is not null;
    insert into job_events (job_id, at, event, attempt)
    select old.id, old.cancel_requested_at, 'job_cancel_requested', old.attempt
    where old.cancel_requested_at is not null;
    insert into job_events (job_id, at, event, attempt, detail)
    values (
        old.id,
        coalesce(old.finished_at, new.seen_at),
        case
            when old.state <> 'running' then 'job_' || old.state
            when new.losses > old.losses then 'job_interrupted'
            when new.failures > old.failures then 'job_failed'
            else 'job_released'
        end,
        old.attempt,
        case when old.state = 'running' then new.error else old.error end
    );
    insert into job_events (job_id, at, event, attempt)
    values (old.id, new.seen_at, 'job_queued', old.attempt);
end;

create view job_history as
select id as job_id, created_at as at, 'job_queued' as event, 0 as attempt, null as detail from jobs
union all
select id, started_at, 'job_started', attempt, null from jobs where started_at is not null
union all
select id, cancel_requested_at, 'job_cancel_requested', attempt, null from jobs
where cancel_requested_at is not null
union all
select id, finished_at, 'job_' || case state when 'succeeded' then 'completed' else state end,
    attempt, error
from jobs where finished_at is not null
union all
select job_id, at, event, attempt, detail from job_events;

create table snapshots (
    id integer primary key,
    name text not null,
    job_id integer not null,
    attempt integer not null,
    directory text not null,
    files integer not null,
    size integer not null,
    created_at text not null,
    unique (job_id, name)
);
create index snapshots_name on snapshots (name, id);

-- A cancelled job has published nothing.
create trigger snapshots_of_running_jobs before insert on snapshots
when not exists (
    select 1 from jobs where id = new.job_id and attempt = new.attempt and state = 'running'
        and cancel_requested_at is null
)
begin
    select raise(abort, 'only a job that runs and keeps its lease can publish');
end;

create table ui_state (
    key text primary key,
    value text not null,
    updated_at text not null
) without rowid;
