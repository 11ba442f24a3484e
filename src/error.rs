//! One error for the whole engine, and what may be done about it.

mod busy;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::ffi;

use crate::retry::{Class, RetryClassifiable};

pub use busy::{Busy, Holder, Resource};

/// The result of every fallible operation of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in one sentence, with what to do about it where that is known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// SQLite refused a statement or failed to run it.
    #[error("{}", .0)]
    Sqlite(Box<SqliteError>),

    /// The writer lane, the pool or another process kept what was needed for too long.
    #[error("{}", .0)]
    Busy(Box<Busy>),

    /// Settings that were asked for and did not take effect.
    #[error("{}", mismatches(.0))]
    Pragma(Vec<PragmaMismatch>),

    /// A migration that cannot be applied, or a file that does not fit the code.
    #[error("{0}")]
    Migration(String),

    /// A file that is damaged, or is no database.
    #[error("{problem}")]
    Corruption {
        /// The extended result code: `SQLITE_CORRUPT`, or `SQLITE_NOTADB`.
        code: i32,
        /// What is damaged and what to do.
        problem: String,
    },

    /// A path that may not be opened.
    #[error("cannot open {path:?}: {problem}")]
    Path {
        /// The path as it was given.
        path: PathBuf,
        /// What is wrong with it and what to do.
        problem: String,
    },

    /// The file or its log was moved, replaced or deleted while it was open.
    #[error(
        "{path:?} is not what other processes find any more: {problem}. Nothing more is read or \
         written here. What was committed last may be nowhere else: save what this handle has with \
         db.backup(), then close it and open the file again"
    )]
    Moved {
        /// The file, absolute.
        path: PathBuf,
        /// What has happened to which file.
        problem: String,
    },

    /// The operation belongs to the process from which this one was forked.
    #[error(
        "{0} was begun before the fork and belongs to the parent process; begin it again in the child"
    )]
    Fork(&'static str),

    /// The database, transaction, snapshot or iterator is closed.
    #[error("{0}")]
    Closed(String),

    /// The operation's own deadline passed while it ran; it was rolled back.
    #[error("the operation was interrupted after {0:.1?}, its timeout; nothing of it was kept")]
    Timeout(Duration),

    /// The caller asked for the operation to end; it was rolled back.
    #[error("the operation was interrupted; nothing of it was kept")]
    Interrupted,

    /// A parameter that cannot be bound: the wrong number of them, or a missing name.
    #[error("{0}")]
    Parameter(String),

    /// A value that SQLite cannot store, or that does not fit where it is to go.
    #[error("{0}")]
    Value(String),

    /// The call does not make sense here.
    #[error("{0}")]
    Misuse(String),

    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was being done, and to which file.
        what: String,
        /// The system's own error.
        source: std::io::Error,
    },
}

/// A failure that SQLite reported.
#[derive(Debug)]
pub struct SqliteError {
    /// The extended result code.
    pub code: i32,
    /// SQLite's message.
    pub message: String,
    /// The statement, without its values.
    pub sql: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for SqliteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(sql) = &self.sql {
            write!(f, " (in: {})", summary(sql))?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}

/// One setting that did not take effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PragmaMismatch {
    /// The pragma.
    pub name: String,
    /// What was asked for.
    pub wanted: String,
    /// What SQLite reported afterwards.
    pub found: String,
    /// Why, where it is known.
    pub why: Option<String>,
}

fn mismatches(list: &[PragmaMismatch]) -> String {
    let lines = list.iter().map(|m| {
        let why = m.why.as_ref().map(|w| format!(" ({w})")).unwrap_or_default();
        format!("{}: wanted {}, found {}{why}", m.name, m.wanted, m.found)
    });
    format!("pragmas that did not take effect: {}", lines.collect::<Vec<_>>().join("; "))
}

/// One line of a statement, for messages: white space folded, cut at 120 characters.
pub(crate) fn summary(sql: &str) -> String {
    let mut line = String::new();
    for word in sql.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > 120 {
            let cut = (0..=117).rev().find(|&i| line.is_char_boundary(i)).unwrap_or(0);
            line.truncate(cut);
            line.push_str("...");
            break;
        }
    }
    line
}

impl Error {
    /// The extended SQLite result code that this error carries or stands for.
    pub fn code(&self) -> Option<i32> {
        match self {
            Error::Sqlite(e) => Some(e.code),
            Error::Busy(b) => Some(b.code),
            Error::Corruption { code, .. } => Some(*code),
            Error::Timeout(_) | Error::Interrupted => Some(ffi::SQLITE_INTERRUPT),
            Error::Misuse(_) => Some(ffi::SQLITE_MISUSE),
            Error::Moved { .. } => Some(ffi::SQLITE_READONLY_DBMOVED),
            _ => None,
        }
    }

    /// Whether the same may succeed when the caller asks again later.
    ///
    /// Wider than what the engine retries by itself: a lane that was waited for in vain may be free
    /// by then.
    pub fn may_pass(&self) -> bool {
        matches!(self, Error::Busy(_)) || self.is_retryable()
    }

    /// Name the row (from 0) of a batch that is at fault.
    #[cfg_attr(not(feature = "python"), allow(dead_code))]
    pub(crate) fn at_row(self, number: usize) -> Self {
        match self {
            Error::Misuse(text) => Error::Misuse(format!("row {number}: {text}")),
            Error::Value(text) => Error::Value(format!("row {number}: {text}")),
            Error::Parameter(text) => Error::Parameter(format!("row {number}: {text}")),
            Error::Sqlite(mut error) => {
                error.message = format!("row {number}: {}", error.message);
                Error::Sqlite(error)
            }
            other => other,
        }
    }

    pub(crate) fn damaged(problem: impl Into<String>) -> Self {
        Error::Corruption { code: ffi::SQLITE_CORRUPT, problem: problem.into() }
    }

    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Error::Io { what: what.into(), source }
    }

    pub(crate) fn path(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Error::Path { path: path.into(), problem: problem.into() }
    }

    /// An error from a result code and SQLite's message.
    pub(crate) fn from_code(code: i32, message: &str, sql: Option<&str>) -> Self {
        match code & 0xff {
            ffi::SQLITE_CORRUPT | ffi::SQLITE_NOTADB => Error::Corruption {
                code,
                problem: format!(
                    "{message}; the file is damaged or is no SQLite database: check it with \
                     `holdfast check`, and restore a backup with `holdfast restore`"
                ),
            },
            _ => Error::Sqlite(Box::new(SqliteError {
                code,
                message: message.to_owned(),
                sql: sql.map(str::to_owned),
                hint: hint(code, message, sql),
            })),
        }
    }
}

impl Error {
    /// What FTS and JSON functions quote of their arguments may be a parameter's value.
    #[cold]
    pub(crate) fn without_values(mut self, parameters: usize) -> Self {
        if let Error::Sqlite(e) = &mut self
            && parameters > 0
            && e.code == ffi::SQLITE_ERROR
        {
            let column =
                e.message.starts_with("no such column: ").then_some("no such column".len());
            let cut = column.or_else(|| e.message.find(['"', '\'']));
            e.message.truncate(cut.unwrap_or(e.message.len()));
            e.message.truncate(e.message.trim_end().len());
        }
        self
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        match &error {
            rusqlite::Error::SqliteFailure(e, message) => {
                let message = message.clone().unwrap_or_else(|| e.to_string());
                Error::from_code(e.extended_code, &message, None)
            }
            rusqlite::Error::SqlInputError { error: e, msg, sql, .. } => {
                Error::from_code(e.extended_code, msg, Some(sql))
            }
            _ => Error::from_code(ffi::SQLITE_ERROR, &error.to_string(), None),
        }
    }
}

fn hint(code: i32, message: &str, sql: Option<&str>) -> Option<String> {
    match code & 0xff {
        ffi::SQLITE_FULL => Some("the disk is full; nothing was changed".into()),
        ffi::SQLITE_READONLY => {
            Some("the file or its directory cannot be written, or was opened read_only".into())
        }
        ffi::SQLITE_IOERR => Some("the disk or file system failed; nothing was changed".into()),
        _ => {
            let name = message.strip_prefix("no such column: ")?;
            let name = name.split(" - ").next()?.trim_matches('"');
            sql?.contains(&format!("\"{name}\""))
                .then(|| format!("a string goes in single quotes: '{name}', not \"{name}\""))
        }
    }
}

impl RetryClassifiable for Error {
    fn classify(&self) -> Class {
        match self {
            // The lane and the pool were waited for as long as may be; the user may ask again.
            Error::Busy(b) if matches!(b.resource, Resource::Lane | Resource::Reader) => {
                Class::Permanent
            }
            Error::Busy(_) => Class::Retryable,
            Error::Sqlite(e) => match e.code & 0xff {
                ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED | ffi::SQLITE_SCHEMA => Class::Retryable,
                ffi::SQLITE_IOERR | ffi::SQLITE_CANTOPEN => Class::Degraded,
                _ => Class::Permanent,
            },
            _ => Class::Permanent,
        }
    }
}

/// SQLite's name of a result code, such as `SQLITE_BUSY_SNAPSHOT`.
pub fn code_name(code: i32) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|(c, _)| *c == code)
        .or_else(|| NAMES.iter().find(|(c, _)| *c == code & 0xff))
        .map(|(_, name)| *name)
}

macro_rules! names {
    ($($name:ident)*) => { &[$((ffi::$name, stringify!($name))),*] };
}

const NAMES: &[(i32, &str)] = names! {
    SQLITE_ERROR SQLITE_INTERNAL SQLITE_PERM SQLITE_ABORT SQLITE_BUSY SQLITE_LOCKED SQLITE_NOMEM
    SQLITE_READONLY SQLITE_INTERRUPT SQLITE_IOERR SQLITE_CORRUPT SQLITE_NOTFOUND SQLITE_FULL
    SQLITE_CANTOPEN SQLITE_PROTOCOL SQLITE_SCHEMA SQLITE_TOOBIG SQLITE_CONSTRAINT SQLITE_MISMATCH
    SQLITE_MISUSE SQLITE_NOLFS SQLITE_AUTH SQLITE_RANGE SQLITE_NOTADB SQLITE_BUSY_RECOVERY
    SQLITE_BUSY_SNAPSHOT SQLITE_BUSY_TIMEOUT SQLITE_LOCKED_SHAREDCACHE SQLITE_ABORT_ROLLBACK
    SQLITE_CONSTRAINT_CHECK SQLITE_CONSTRAINT_FOREIGNKEY SQLITE_CONSTRAINT_NOTNULL
    SQLITE_CONSTRAINT_PRIMARYKEY SQLITE_CONSTRAINT_TRIGGER SQLITE_CONSTRAINT_UNIQUE
    SQLITE_CONSTRAINT_ROWID SQLITE_CONSTRAINT_DATATYPE SQLITE_READONLY_DBMOVED
    SQLITE_READONLY_DIRECTORY SQLITE_READONLY_CANTINIT SQLITE_READONLY_RECOVERY
    SQLITE_IOERR_READ SQLITE_IOERR_WRITE SQLITE_IOERR_FSYNC SQLITE_IOERR_SHORT_READ
    SQLITE_IOERR_SHMOPEN SQLITE_IOERR_SHMMAP SQLITE_IOERR_SHMSIZE SQLITE_CORRUPT_VTAB
    SQLITE_CANTOPEN_ISDIR SQLITE_CANTOPEN_SYMLINK
};
