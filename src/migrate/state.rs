//! What a file says about its version, and what is to be done about it.

use rusqlite::types::Value;

use super::MigrationReport;
use super::steps::{APP, Migrations, Step};
use crate::connection::Connection;
use crate::error::{Error, Result};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS holdfast_migrations(\
    component TEXT NOT NULL, version INTEGER NOT NULL, name TEXT NOT NULL, \
    checksum TEXT NOT NULL, applied_at TEXT NOT NULL, \
    PRIMARY KEY(component, version)) WITHOUT ROWID";
const IS_THERE: &str =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'holdfast_migrations'";
const HAS_TABLES: &str = "SELECT EXISTS(SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') \
    AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'holdfast_migrations')";
const RECORDS: &str = "SELECT version, name, checksum, applied_at FROM holdfast_migrations \
    WHERE component = ? ORDER BY version";
const FORGET: &str = "DELETE FROM holdfast_migrations WHERE component = ?";
const RECORD: &str = "INSERT INTO holdfast_migrations(component, version, name, checksum, applied_at) \
    VALUES (?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";

/// What a file says at one moment.
pub(super) struct State {
    user_version: i64,
    /// Whether there is a table of records, of any component.
    managed: bool,
    /// Whether there are tables other than ours.
    pub(super) has_tables: bool,
    records: Vec<Record>,
}

struct Record {
    version: i64,
    name: String,
    checksum: String,
    applied_at: String,
}

impl State {
    /// Read it inside the transaction of the caller.
    pub(super) fn read(connection: &Connection, component: &str) -> Result<Self> {
        if component.is_empty() {
            return Err(Error::Misuse("the name of a component is empty".into()));
        }
        let managed = connection.number(IS_THERE)? > 0;
        let mut records = Vec::new();
        if managed {
            let parameters = [Value::Text(component.to_owned())];
            for row in connection.internal(|| connection.query(RECORDS, &parameters))? {
                let [version, texts @ ..] = &row[..] else { continue };
                let Value::Integer(version) = *version else { continue };
                let mut texts = texts.iter().map(|value| match value {
                    Value::Text(text) => text.clone(),
                    _ => String::new(),
                });
                let mut next = || texts.next().unwrap_or_default();
                let (name, checksum, applied_at) = (next(), next(), next());
                records.push(Record { version, name, checksum, applied_at });
            }
        }
        Ok(State {
            user_version: connection.number("PRAGMA user_version")?,
            managed,
            has_tables: connection.number(HAS_TABLES)? > 0,
            records,
        })
    }

    /// The version by the component's own truth.
    pub(super) fn version(&self, component: &str) -> u32 {
        let recorded = self.records.last().map_or(0, |record| record.version);
        let version = if component == APP { self.user_version } else { recorded };
        u32::try_from(version).unwrap_or(0)
    }

    /// Why the records cannot be trusted, where they cannot.
    fn disagreement(&self, component: &str) -> Option<String> {
        let recorded = self.records.last().map_or(0, |record| record.version);
        if self.records.iter().zip(1..).any(|(record, wanted)| record.version != wanted) {
            return Some(
                "the table holdfast_migrations misses steps that came before others".into(),
            );
        }
        if component != APP || self.user_version == recorded {
            let unknown = component == APP && self.has_tables && !self.managed;
            return unknown.then(|| "the file has tables, but no record of migrations".into());
        }
        let version = self.user_version;
        Some(match recorded {
            0 => format!("user_version is {version}, set by something else than Holdfast"),
            _ => format!(
                "user_version is {version}, but the table holdfast_migrations ends with \
                          step {recorded}: something else than Holdfast changed one of them"
            ),
        })
    }
}

/// What is to be done to a file.
pub(super) struct Plan {
    /// The version to start from.
    pub(super) from: u32,
    to: u32,
    adopts: bool,
}

impl Plan {
    /// Compare a file with the code.
    pub(super) fn new(state: &State, migrations: &Migrations, adopt: Option<u32>) -> Result<Self> {
        let (component, to) = (migrations.component_name(), migrations.latest());
        let disagreement = state.disagreement(component);
        let adoptable = disagreement.is_some() || (state.records.is_empty() && state.has_tables);
        if let Some(from) = adopt.filter(|_| adoptable) {
            if from > to {
                return Err(Error::Migration(format!(
                    "cannot adopt the file at step {from}: the last step of {component:?} is {to}"
                )));
            }
            return Ok(Plan { from, to, adopts: true });
        }
        let from = state.version(component);
        if let Some(problem) = disagreement {
            let newer = match from > to {
                true => format!(
                    " (If newer code wrote it, run that: this code knows {component:?} up to \
                     version {to}.)"
                ),
                false => String::new(),
            };
            return Err(Error::Migration(format!(
                "cannot tell the version of {component:?} in this file: {problem}. If it has the \
                 schema of step N, adopt it: migrate with adopt=N, which records the steps up to N \
                 without running them, then runs the rest.{newer}"
            )));
        }
        if from > to {
            let name = state.records.last().map_or("", |record| record.name.as_str());
            return Err(Error::Migration(format!(
                "the file is newer than this code: {component:?} is at version {from} \
                 ({from:04}_{name}), the code knows it up to version {to}; run the newer code, or \
                 restore a backup from before the upgrade"
            )));
        }
        for (step, record) in migrations.steps().iter().zip(&state.records) {
            if step.checksum() != record.checksum {
                return Err(Error::Migration(format!(
                    "step {step} of {component:?} was edited after it had been applied to this file \
                     (as {:04}_{} at {}): put its text back as it was, and write the change as a \
                     new step {:04}",
                    record.version,
                    record.name,
                    record.applied_at,
                    to + 1
                )));
            }
        }
        Ok(Plan { from, to, adopts: false })
    }

    /// Whether the file is as it should be.
    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to && !self.adopts
    }

    pub(super) fn pending<'m>(&self, migrations: &'m Migrations) -> &'m [Step] {
        &migrations.steps()[self.from as usize..]
    }

    pub(super) fn report(&self, migrations: &Migrations) -> MigrationReport {
        MigrationReport {
            component: migrations.component_name().to_owned(),
            from: self.from,
            to: self.to,
            applied: Vec::new(),
            backup: None,
            adopted: self.adopts,
            dry_run: false,
        }
    }

    /// Record the steps that ran or were adopted, in the transaction that ran them.
    pub(super) fn record(&self, connection: &Connection, migrations: &Migrations) -> Result<()> {
        let component = Value::Text(migrations.component_name().to_owned());
        let known = if self.adopts { 0 } else { self.from as usize };
        connection.command(CREATE)?;
        connection.internal(|| {
            if self.adopts {
                connection.execute(FORGET, std::slice::from_ref(&component))?;
            }
            for step in &migrations.steps()[known..] {
                let version = Value::Integer(step.version.into());
                let (name, checksum) = (Value::Text(step.name.clone()), step.checksum().into());
                connection.execute(RECORD, &[component.clone(), version, name, checksum])?;
            }
            Ok(())
        })?;
        if migrations.component_name() == APP {
            connection.command(&format!("PRAGMA user_version = {}", self.to))?;
        }
        Ok(())
    }
}
