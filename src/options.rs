//! What a database is opened with.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::retry::RetryPolicy;

/// A named set of pragmas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// WAL with `synchronous = NORMAL`: a commit survives the process, not always a power cut.
    #[default]
    Balanced,
    /// WAL with `synchronous = FULL` and no memory map: a commit survives a power cut.
    Durable,
}

impl std::str::FromStr for Profile {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "balanced" => Ok(Profile::Balanced),
            "durable" => Ok(Profile::Durable),
            _ => Err(Error::Misuse(format!(
                "unknown profile {name:?}; known are \"balanced\" and \"durable\""
            ))),
        }
    }
}

/// Settings by name, in the words that `PRAGMA name` reads back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pragmas(BTreeMap<String, String>);

impl Pragmas {
    /// The eight settings of a profile.
    pub fn of(profile: Profile) -> Self {
        let (synchronous, mmap_size) = match profile {
            Profile::Balanced => ("normal", "1073741824"),
            Profile::Durable => ("full", "0"),
        };
        let settings = [
            ("journal_mode", "wal"),
            ("synchronous", synchronous),
            ("foreign_keys", "on"),
            ("cache_size", "-32000"),
            ("temp_store", "memory"),
            ("auto_vacuum", "incremental"),
            ("mmap_size", mmap_size),
            ("busy_timeout", "5000"),
        ];
        Pragmas(settings.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
    }

    /// No settings: a connection as SQLite makes it, for files that are only looked at.
    pub(crate) fn none() -> Self {
        Pragmas(BTreeMap::new())
    }

    /// One setting, and the others.
    pub(crate) fn split(&self, name: &str) -> (Self, Self) {
        let (one, others) = self.0.clone().into_iter().partition(|(each, _)| each == name);
        (Pragmas(one), Pragmas(others))
    }

    /// Replace one setting, or add one.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a name or value that is no plain word or number.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let word =
            |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let number = value.strip_prefix('-').unwrap_or(value);
        if !word(name) || !word(number) {
            return Err(Error::Misuse(format!(
                "pragma {name:?} cannot be set to {value:?}: both must be plain words or numbers"
            )));
        }
        if name.eq_ignore_ascii_case("user_version") {
            return Err(Error::Misuse(
                "user_version belongs to the migrations: add a step instead".into(),
            ));
        }
        let problem =
            match (name.to_ascii_lowercase().as_str(), value.to_ascii_lowercase().as_str()) {
                ("journal_mode", "off") => "without a journal a rollback damages the file",
                ("locking_mode", "exclusive") => {
                    "the readers of the pool could never open the file"
                }
                ("hard_heap_limit" | "soft_heap_limit", _) => "it would hold for the whole process",
                ("busy_timeout", time) if time.parse::<i32>().map_or(true, i32::is_negative) => {
                    "it is milliseconds, at most 2147483647"
                }
                _ => "",
            };
        if !problem.is_empty() {
            return Err(Error::Misuse(format!("pragma {name:?} cannot be {value:?}: {problem}")));
        }
        self.0.insert(name.to_ascii_lowercase(), value.to_ascii_lowercase());
        Ok(())
    }

    /// The value of a setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All settings, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// Whether the database is to run in write-ahead-log mode.
    pub fn is_wal(&self) -> bool {
        self.get("journal_mode") == Some("wal")
    }

    /// How long SQLite's own lock is waited for, each time.
    pub fn busy_timeout(&self) -> Duration {
        let millis = self.get("busy_timeout").and_then(|v| v.parse().ok()).unwrap_or(5000);
        Duration::from_millis(millis)
    }
}

/// What a database is opened with; the default serves.
#[derive(Debug, Clone)]
pub struct Options {
    /// The pragmas of every connection.
    pub pragmas: Pragmas,
    /// How many readers the pool holds at most.
    pub pool_size: u32,
    /// The directory that the file must lie in.
    pub data_dir: Option<PathBuf>,
    /// Make the file when it does not exist.
    pub create: bool,
    /// Never write.
    pub read_only: bool,
    /// How failures are retried.
    pub retry: RetryPolicy,
    /// How often free pages are given back in the background; never, when `None`.
    pub vacuum_every: Option<Duration>,
    /// A hold of the writer lane that lasts this long is warned about; never, when `None`.
    pub hold_warning: Option<Duration>,
    /// SQLite extensions (shared libraries) that every connection loads.
    pub extensions: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            pragmas: Pragmas::of(Profile::Balanced),
            pool_size: 10,
            data_dir: None,
            create: true,
            read_only: false,
            retry: RetryPolicy::default(),
            vacuum_every: Some(Duration::from_secs(24 * 60 * 60)),
            hold_warning: Some(Duration::from_secs(1)),
            extensions: Vec::new(),
        }
    }
}
