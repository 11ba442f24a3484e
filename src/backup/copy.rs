//! Copying the pages of one moment into a new file.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Instant;

use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};
use rusqlite::ffi;

use super::file::{SIDE_FILES, beside};
use crate::connection::Connection;
use crate::error::{Error, Result, SqliteError};
use crate::options::{Options, Pragmas};
use crate::patience::{POLL, Patience};
use crate::watch::Role;

/// Pages between two looks at the clock.
const CHUNK: i32 = 256;

/// Copy what the source's open transaction sees; gives the number of pages.
///
/// The transaction is what keeps each commit from starting the copy over.
pub(super) fn copy(
    source: &Connection,
    to: &Path,
    patience: &Patience<'_>,
    progress: &mut dyn FnMut(u32, u32),
) -> Result<u32> {
    let explain = |error: rusqlite::Error| explain(error.into(), source, to);
    // No log and no flushing: an unfinished copy is thrown away, a finished one is flushed whole.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut target = rusqlite::Connection::open_with_flags(to, flags)?;
    target.execute_batch(
        "PRAGMA locking_mode = exclusive; PRAGMA journal_mode = off; PRAGMA synchronous = off",
    )?;
    let pages = {
        let backup = Backup::new(source.sqlite(), &mut target)?;
        let mut polled = Instant::now();
        loop {
            let step = backup.step(CHUNK).map_err(explain)?;
            let at = backup.progress();
            let all = at.pagecount.unsigned_abs();
            progress(all - at.remaining.unsigned_abs(), all);
            match step {
                StepResult::Done => break all,
                StepResult::More => {}
                _ => return Err(Error::from_code(ffi::SQLITE_BUSY, "the copy is in use", None)),
            }
            if patience.is_over() {
                return Err(Error::Timeout(patience.limit().unwrap_or_default()));
            }
            if polled.elapsed() >= POLL {
                polled = Instant::now();
                if !patience.caller().proceed() {
                    return Err(Error::Interrupted);
                }
            }
        }
    };
    // The pages say that there is a WAL; the copy is to be one file, also on a read-only disk.
    let mode: String =
        target.query_row("PRAGMA journal_mode = delete", [], |row| row.get(0)).map_err(explain)?;
    if mode != "delete" {
        return Err(Error::Misuse(format!("the copy stays in journal_mode {mode}")));
    }
    target.close().map_err(|(_, error)| explain(error))?;
    Ok(pages)
}

fn explain(error: Error, source: &Connection, to: &Path) -> Error {
    match error {
        Error::Sqlite(e) if matches!(e.code & 0xff, ffi::SQLITE_FULL | ffi::SQLITE_IOERR) => {
            let bytes = super::size(source).map_or(0, |(_, bytes)| bytes);
            let directory = to.parent().unwrap_or(to);
            let message = format!(
                "the copy of {bytes} bytes could not be written to {directory:?}: {}",
                e.message
            );
            let hint = match e.code & 0xff {
                ffi::SQLITE_FULL => "the disk is full; nothing was left there",
                _ => {
                    "the disk failed, is full, or the file is larger than allowed; nothing was left there"
                }
            };
            let hint = Some(hint.to_owned());
            Error::Sqlite(Box::new(SqliteError { code: e.code, message, sql: None, hint }))
        }
        error => error,
    }
}

/// Open a file to read it, leaving nothing beside it.
pub(super) fn open_alone(path: &Path, patience: &Patience<'_>) -> Result<Connection> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let has_side_files = SIDE_FILES.iter().any(|end| beside(path, end).exists());
    let raw = if has_side_files {
        rusqlite::Connection::open_with_flags(path, flags)?
    } else {
        flags |= OpenFlags::SQLITE_OPEN_URI;
        rusqlite::Connection::open_with_flags(immutable(path), flags)?
    };
    Connection::verify(raw, Role::Reader, &plain(), patience)
}

/// The settings of a connection that changes nothing about a file.
pub(super) fn plain() -> Options {
    Options { pragmas: Pragmas::none(), ..Options::default() }
}

/// An address that tells SQLite that nobody writes the file.
fn immutable(path: &Path) -> String {
    let mut uri = String::from("file://");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(byte.into());
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}
