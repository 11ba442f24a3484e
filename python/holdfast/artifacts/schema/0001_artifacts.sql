-- The table may be there from before Holdfast; what it lacked has been added then.
create table if not exists artifacts (
    id integer primary key autoincrement,
    type text not null,
    path text not null,
    title text not null,
    status text not null default 'draft',
    category text,
    tags_json text not null default '[]',
    metadata_json text not null default '{}',
    content_hash text,
    created_at text,
    updated_at text
);
create unique index artifacts_path on artifacts(path);
create index artifacts_type_status on artifacts(type, status);
-- What facets count, in order; and by id, in far fewer pages than the table has.
create index artifacts_values on artifacts(type, status, category);
create index artifacts_narrow on artifacts(id, type, status, category);
create index artifacts_created_at on artifacts(created_at);
create index artifacts_updated_at on artifacts(updated_at);
create index artifacts_content_hash on artifacts(content_hash);

create table artifact_tags (
    tag text not null,
    artifact_id integer not null references artifacts(id) on delete cascade,
    primary key (tag, artifact_id)
) without rowid;
create index artifact_tags_artifact on artifact_tags(artifact_id);

-- What was seen of each file: a stamp by which it is known again, or why it could not be indexed.
create table artifact_files (
    path text primary key,
    size integer,
    mtime_ns integer,
    ctime_ns integer,
    error text
) without rowid;
create index artifact_files_error on artifact_files(path) where error is not null;
insert into artifact_files(path) select path from artifacts;
update artifacts set created_at = coalesce(created_at, '1970-01-01 00:00:00'),
    updated_at = coalesce(updated_at, created_at, '1970-01-01 00:00:00')
    where created_at is null or updated_at is null;

-- The texts stay in their files: the index has their words alone.
create virtual table artifact_text using fts5(
    title, body, content = '', contentless_delete = 1,
    tokenize = 'unicode61 remove_diacritics 2'
);
-- Segments are large from the start, and merged at the end of a sync rather than within it.
insert into artifact_text(artifact_text, rank) values
    ('hashsize', 67108864), ('automerge', 0), ('usermerge', 16), ('crisismerge', 2000);

create table sync_log (
    id integer primary key autoincrement,
    sync_type text not null,
    root text,
    status text not null default 'running',
    started_at text not null,
    completed_at text,
    scanned integer not null default 0,
    added integer not null default 0,
    updated integer not null default 0,
    removed integer not null default 0,
    unchanged integer not null default 0,
    errors integer not null default 0,
    detail text
);
