create table prompt_history (
    -- An id is never given twice, so that what leads to a record never leads to another one.
    id integer primary key autoincrement check (id between 1 and 9007199254740991),
    -- As SQLite writes UTC, to the millisecond: texts that sort and compare as the instants do.
    timestamp text not null default (strftime('%Y-%m-%d %H:%M:%f', 'now'))
        check (timestamp = strftime('%Y-%m-%d %H:%M:%f', timestamp, '+0 days')),
    backend text not null check (backend in ('zero-shot', 'few-shot')),
    provider text not null check (trim(provider, char(9, 10, 11, 12, 13, 32)) <> ''),
    model text not null check (trim(model, char(9, 10, 11, 12, 13, 32)) <> ''),
    conversation_id text,
    confidence real check (confidence between 0 and 1),
    quality_score real check (quality_score between 0 and 1),
    latency_ms real check (latency_ms between 0 and 9007199254740991),
    input_tokens integer check (input_tokens between 0 and 9007199254740991),
    output_tokens integer check (output_tokens between 0 and 9007199254740991),
    -- Bytes of the texts below.
    size integer not null generated always as (
        length(cast(original_idea as blob)) + length(cast(improved_prompt as blob))
        + length(cast(context as blob)) + length(cast(role as blob))
        + length(cast(directive as blob)) + length(cast(framework as blob))
        + length(cast(guardrails as blob)) + coalesce(length(cast(reasoning as blob)), 0)
    ) stored,
    -- What is long comes last: to read the numbers, none of it is read.
    original_idea text not null check (trim(original_idea, char(9, 10, 11, 12, 13, 32)) <> ''),
    improved_prompt text not null
        check (trim(improved_prompt, char(9, 10, 11, 12, 13, 32)) <> ''),
    context text not null default '',
    role text not null default '',
    directive text not null default '',
    framework text not null default '',
    guardrails text not null default '[]'
        check (json_valid(guardrails) and json_type(guardrails) = 'array'),
    reasoning text,
    check (
        typeof(provider) = 'text' and typeof(model) = 'text'
        and typeof(original_idea) = 'text' and typeof(improved_prompt) = 'text'
        and typeof(context) = 'text' and typeof(role) = 'text' and typeof(directive) = 'text'
        and typeof(framework) = 'text' and typeof(guardrails) = 'text'
        and typeof(conversation_id) in ('text', 'null') and typeof(reasoning) in ('text', 'null')
        and typeof(input_tokens) in ('integer', 'null')
        and typeof(output_tokens) in ('integer', 'null')
    )
);

create index prompt_history_timestamp on prompt_history(timestamp, id, size);
create index prompt_history_backend on prompt_history(backend, timestamp);
create index prompt_history_provider on prompt_history(provider, timestamp);
create index prompt_history_model on prompt_history(model, timestamp);
create index prompt_history_conversation on prompt_history(conversation_id, timestamp)
    where conversation_id is not null;

-- What the index has the words of; guardrails without what JSON writes for a line break.
create view prompt_history_words as
select id, original_idea, improved_prompt, context, role, directive, framework,
    replace(replace(replace(replace(
        guardrails, '\\', ' '), '\n', ' '), '\r', ' '), '\t', ' ') as guardrails,
    reasoning
from prompt_history;

-- The words alone: the texts are those of the table.
create virtual table prompt_history_text using fts5(
    original_idea, improved_prompt, context, role, directive, framework, guardrails, reasoning,
    content = 'prompt_history_words', content_rowid = 'id', columnsize = 0,
    tokenize = 'unicode61 remove_diacritics 2'
);
-- A save merges some milliseconds of it where there are eight parts of a size, not four: who writes
-- in the background merges them before, a little at a time.
insert into prompt_history_text(prompt_history_text, rank) values ('automerge', 8);

-- The index is right whoever writes, a shell too. What replaces a row fires no trigger for it.
create trigger prompt_history_replace before insert on prompt_history
when exists (select 1 from prompt_history where id = new.id)
begin
    select raise(abort, 'there is a record with that id: update or delete it');
end;

create trigger prompt_history_insert after insert on prompt_history
begin
    insert into prompt_history_text(
        rowid, original_idea, improved_prompt, context, role, directive, framework, guardrails,
        reasoning
    )
    select * from prompt_history_words where id = new.id;
end;

create trigger prompt_history_delete before delete on prompt_history
begin
    insert into prompt_history_text(
        prompt_history_text, rowid, original_idea, improved_prompt, context, role, directive,
        framework, guardrails, reasoning
    )
    select 'delete', * from prompt_history_words where id = old.id;
end;

create trigger prompt_history_update_before before update on prompt_history
begin
    insert into prompt_history_text(
        prompt_history_text, rowid, original_idea, improved_prompt, context, role, directive,
        framework, guardrails, reasoning
    )
    select 'delete', * from prompt_history_words where id = old.id;
end;

create trigger prompt_history_update_after after update on prompt_history
begin
    insert into prompt_history_text(
        rowid, original_idea, improved_prompt, context, role, directive, framework, guardrails,
        reasoning
    )
    select * from prompt_history_words where id = new.id;
end;
