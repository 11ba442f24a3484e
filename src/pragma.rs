//! Pragmas: applied in the order that works, read back, and explained where they did not take.

use std::time::{Duration, Instant};

use rusqlite::ffi;

use crate::connection::Connection;
use crate::error::{Error, PragmaMismatch, Result};
use crate::options::{Options, Pragmas};
use crate::patience::Patience;
use crate::watch::Role;

/// Bytes that a WAL keeps on the disk once it starts over, as text for the pragma.
const WAL_LIMIT: &str = "67108864";

/// `auto_vacuum` before WAL (after it, it is silently ignored), then the rest. The busy timeout was
/// set and read back before, since the handler of the connection has taken its place.
pub(crate) fn apply(
    connection: &Connection,
    role: Role,
    options: &Options,
    patience: &Patience<'_>,
) -> Result<()> {
    let (raw, pragmas) = (connection.sqlite(), &options.pragmas);
    let writes = role == Role::Writer;
    if writes {
        // Only a new file takes it, and only before anything else is set.
        if let Some(value) = pragmas.get("page_size") {
            set(raw, "page_size", value)?;
        }
        // Setting it writes, even when it is so already; another process may hold the lock.
        if let Some(value) = pragmas.get("auto_vacuum")
            && normal("auto_vacuum", value) != normal("auto_vacuum", &read(raw, "auto_vacuum")?)
        {
            set(raw, "auto_vacuum", value)?;
        }
        if let Some(value) = pragmas.get("journal_mode") {
            switch_journal(connection, value, pragmas.busy_timeout(), patience)?;
        }
        // Checkpoints belong to the background thread.
        set(raw, "wal_autocheckpoint", "0")?;
        if pragmas.get("journal_size_limit").is_none() {
            set(raw, "journal_size_limit", WAL_LIMIT)?;
        }
    } else if let Some(mode) = pragmas.get("journal_mode").filter(|_| !pragmas.is_wal()) {
        // Modes other than WAL belong to the connection; WAL belongs to the file.
        if read(raw, "journal_mode")? != "wal" {
            set(raw, "journal_mode", mode)?;
        }
    }
    let done = |name| {
        matches!(name, "busy_timeout" | "page_size" | "auto_vacuum" | "journal_mode")
            || (name == "application_id" && !writes)
    };
    for (name, value) in pragmas.iter().filter(|(name, _)| !done(name)) {
        set(raw, name, value)?;
    }
    Ok(())
}

fn set(raw: &rusqlite::Connection, name: &str, value: &str) -> Result<()> {
    let mut statement = raw.prepare(&format!("PRAGMA {name} = '{value}'"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// Concurrent first opens collide here without SQLite asking its busy handler.
fn switch_journal(
    connection: &Connection,
    mode: &str,
    limit: Duration,
    patience: &Patience<'_>,
) -> Result<()> {
    let begun = Instant::now();
    loop {
        let set = set(connection.sqlite(), "journal_mode", mode);
        let again = set.as_ref().is_err_and(is_busy)
            && begun.elapsed() < limit
            && !connection.watch().was_cancelled();
        if !again {
            return set;
        }
        let pause = Duration::from_micros(fastrand::u64(500..3000));
        if !patience.sleep(pause) {
            return if patience.is_over() { set } else { Err(Error::Interrupted) };
        }
    }
}

fn is_busy(error: &Error) -> bool {
    error.code().is_some_and(|code| code & 0xff == ffi::SQLITE_BUSY)
}

/// Read every pragma back.
///
/// # Errors
/// [`Error::Pragma`] with all that differ, and why where it is known.
pub fn verify_pragmas(
    raw: &rusqlite::Connection,
    wanted: &Pragmas,
) -> Result<Vec<(String, String)>> {
    let mut verified = Vec::new();
    let mut mismatches = Vec::new();
    for (name, value) in wanted.iter() {
        let found = read(raw, name)?;
        let (want, have) = (normal(name, value), normal(name, &found));
        if want == have {
            verified.push((name.to_owned(), have));
        } else {
            let why = why(name, &want, &have);
            mismatches.push(PragmaMismatch {
                name: name.to_owned(),
                wanted: want,
                found: have,
                why,
            });
        }
    }
    if mismatches.is_empty() { Ok(verified) } else { Err(Error::Pragma(mismatches)) }
}

fn read(raw: &rusqlite::Connection, name: &str) -> Result<String> {
    let mut statement = raw.prepare(&format!("PRAGMA {name}"))?;
    let mut rows = statement.query([])?;
    Ok(match rows.next()? {
        None => "nothing (no such pragma)".to_owned(),
        Some(row) => match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(i) => i.to_string(),
            rusqlite::types::ValueRef::Real(r) => r.to_string(),
            other => other.as_str().unwrap_or_default().to_owned(),
        },
    })
}

/// One spelling of each value: SQLite reads back numbers where one writes words.
fn normal(name: &str, value: &str) -> String {
    let value = value.to_ascii_lowercase();
    let words: &[&str] = match name {
        "synchronous" => &["off", "normal", "full", "extra"],
        "temp_store" => &["default", "file", "memory"],
        "auto_vacuum" => &["none", "full", "incremental"],
        "journal_mode" | "locking_mode" | "encoding" => return value,
        _ => return switch(&value),
    };
    match value.parse::<usize>().ok().and_then(|i| words.get(i)) {
        Some(word) => (*word).to_owned(),
        None => value,
    }
}

fn switch(value: &str) -> String {
    match value {
        "on" | "true" | "yes" => "1".into(),
        "off" | "false" | "no" => "0".into(),
        other => other.into(),
    }
}

fn why(name: &str, wanted: &str, found: &str) -> Option<String> {
    Some(match name {
        "auto_vacuum" => format!(
            "the file was made with auto_vacuum {found}, which only a full vacuum can change: open it \
             with pragmas={{\"auto_vacuum\": \"{found}\"}} and call db.vacuum(full=True), or run \
             `holdfast vacuum --full`"
        ),
        "journal_mode" if wanted == "wal" => {
            "write-ahead logging needs shared memory and a writable \
             directory; network file systems and read-only files have neither"
                .into()
        }
        "journal_mode" => {
            "another connection keeps the file in its present mode; close every other \
             user of the file first"
                .into()
        }
        "mmap_size" => "this build of SQLite caps the size of its memory map".into(),
        _ if found.starts_with("nothing") => "SQLite ignores pragmas that it does not know".into(),
        _ => return None,
    })
}
