//! Migrations: numbered steps that bring a file's schema to what the code expects.
//!
//! All pending steps run in one transaction under SQLite's write lock, after a verified backup, so
//! a file is either at the version that it had or at the new one, whoever starts at the same time.
//!
//! ```
//! use holdfast::{Database, Migrations, Step, migrate_to_latest};
//! let db = Database::open(":memory:")?;
//! let step = Step {
//!     version: 1,
//!     name: "note".into(),
//!     sql: "CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)".into(),
//! };
//! let migrations = Migrations::from_steps([step])?;
//! assert_eq!(migrate_to_latest(&db, &migrations)?.to, 1);
//! assert!(migrate_to_latest(&db, &migrations)?.applied.is_empty());
//! # Ok::<(), holdfast::Error>(())
//! ```

mod copy;
mod keys;
mod state;
mod steps;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::ffi;

use crate::connection::Connection;
use crate::database::Database;
use crate::error::{Error, Resource, Result};
use crate::options::Options;
use crate::patience::Patience;

use copy::{Copied, copy, copy_before};
use keys::{KeysOff, References};
use state::{Plan, State};
pub use steps::{APP, Migrations, Step};

/// How long another migration of the same file is waited for when the caller gives no timeout; its
/// backup of a large file takes longer than any other transaction.
const WAIT: Duration = Duration::from_secs(300);
/// The pause before the lock is tried again where SQLite refuses it without waiting.
const PAUSE: Duration = Duration::from_millis(20);

/// How to migrate; the default serves.
#[derive(Debug, Clone)]
pub struct MigrateOptions {
    /// Run the steps on a copy and report; the file stays as it is.
    pub dry_run: bool,
    /// The file was made without Holdfast and has the schema of this step already: record the steps
    /// up to it without running them. Without effect on a file that is empty or has records.
    pub adopt: Option<u32>,
    /// Make a verified backup beside the file before the first step, when the file holds tables.
    pub backup: bool,
}

impl Default for MigrateOptions {
    fn default() -> Self {
        MigrateOptions { dry_run: false, adopt: None, backup: true }
    }
}

/// What a migration did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationReport {
    /// The set of migrations.
    pub component: String,
    /// The version before; the adopted one, where the file was adopted.
    pub from: u32,
    /// The version now.
    pub to: u32,
    /// The steps that ran, in order.
    pub applied: Vec<Applied>,
    /// The backup that was made before.
    pub backup: Option<PathBuf>,
    /// Whether earlier steps were recorded without running them.
    pub adopted: bool,
    /// Whether all this happened on a copy only.
    pub dry_run: bool,
}

impl MigrationReport {
    fn log(&self) {
        let MigrationReport { component, from, adopted, applied, .. } = self;
        if *adopted {
            log::info!(target: "holdfast::migrate", "adopted {component} at {from}");
        }
        for (before, Applied { version, name, time }) in (*from..).zip(applied) {
            log::info!(
                target: "holdfast::migrate",
                "migrated {component} from {before} to {version} ({name}) in {time:.1?}"
            );
        }
    }
}

/// A step that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Its number.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// How long it ran.
    pub time: Duration,
}

/// Bring a file to the latest version with the default options.
///
/// # Errors
/// See [`Database::migrate`].
pub fn migrate_to_latest(db: &Database, migrations: &Migrations) -> Result<MigrationReport> {
    db.migrate(migrations, &MigrateOptions::default(), &Patience::unbounded())
}

impl Database {
    /// Bring the file to the latest version of a component.
    ///
    /// Nothing pending costs one short read. Otherwise all pending steps run in one transaction;
    /// processes that start at the same time wait for the one that migrates.
    ///
    /// # Errors
    /// [`Error::Migration`] for a newer file, an edited step, a file that was made without Holdfast
    /// and a step that fails; [`Error::Busy`] when the lock is not to be had in time, 5 minutes
    /// unless the caller says otherwise. The file is then as it was.
    pub fn migrate(
        &self,
        migrations: &Migrations,
        options: &MigrateOptions,
        patience: &Patience<'_>,
    ) -> Result<MigrationReport> {
        let begun = Instant::now();
        loop {
            let busy = match self.migrate_once(migrations, options, patience) {
                Err(Error::Busy(busy)) => busy,
                other => return other,
            };
            // Readers are held by this process itself: waiting longer would not help.
            let hopeless = busy.resource == Resource::Reader || begun.elapsed() >= WAIT;
            if hopeless || !patience.sleep(PAUSE) {
                return Err(Error::Busy(busy));
            }
            log::warn!(target: "holdfast::migrate", "waiting to migrate {:?}: {busy}", self.path());
        }
    }

    /// The version of a component: the number of its last step that was applied, 0 before the first.
    ///
    /// That of `"app"` is `PRAGMA user_version`.
    pub fn schema_version(&self, component: &str) -> Result<u32> {
        self.schema_version_with(component, &Patience::unbounded())
    }

    /// [`Database::schema_version`] under a deadline and a caller.
    pub fn schema_version_with(&self, component: &str, patience: &Patience<'_>) -> Result<u32> {
        Ok(self.migration_state(component, patience)?.version(component))
    }

    fn migration_state(&self, component: &str, patience: &Patience<'_>) -> Result<State> {
        let snapshot = self.snapshot(patience)?;
        let connection = snapshot.connection()?;
        let _attention = connection.attend(patience);
        State::read(connection, component)
    }

    fn migrate_once(
        &self,
        migrations: &Migrations,
        options: &MigrateOptions,
        patience: &Patience<'_>,
    ) -> Result<MigrationReport> {
        let state = self.migration_state(migrations.component_name(), patience)?;
        let plan = Plan::new(&state, migrations, options.adopt)?;
        if plan.is_empty() {
            return Ok(MigrationReport { dry_run: options.dry_run, ..plan.report(migrations) });
        }
        patience.caller().release();
        if options.dry_run {
            return self.rehearse(migrations, options, patience);
        }
        let report = self.apply(migrations, options, patience)?;
        report.log();
        Ok(report)
    }

    /// Migrate a copy, which is removed afterwards.
    fn rehearse(
        &self,
        migrations: &Migrations,
        options: &MigrateOptions,
        patience: &Patience<'_>,
    ) -> Result<MigrationReport> {
        let path = Path::with_extension(self.path(), format!("dry-run-{:016x}", fastrand::u64(..)));
        let copied = copy(self, &path, patience)?;
        let own = self.engine()?.options().clone();
        let own =
            Options { read_only: false, create: false, pool_size: 1, vacuum_every: None, ..own };
        let copy = Database::open_under(copied.path(), own, patience)?;
        let options = MigrateOptions { backup: false, ..options.clone() };
        let report = copy.apply(migrations, &options, patience)?;
        Ok(MigrationReport { dry_run: true, ..report })
    }

    /// Under SQLite's write lock: look again, back up, run and record what is pending, commit.
    fn apply(
        &self,
        migrations: &Migrations,
        options: &MigrateOptions,
        patience: &Patience<'_>,
    ) -> Result<MigrationReport> {
        let writer = self.writer(patience)?;
        let _attention = writer.attend(patience);
        // Inside a transaction the switch would be ignored, and dropping a table would cascade.
        let keys = KeysOff::set(&writer)?;
        writer.command("BEGIN IMMEDIATE")?;
        let state = State::read(&writer, migrations.component_name())?;
        let plan = Plan::new(&state, migrations, options.adopt)?;
        let mut report = plan.report(migrations);
        let mut backup = None;
        if !plan.is_empty() {
            // The write lock is held: a reader sees what the steps will start from, and no other
            // process backs up the same.
            let changes = !plan.pending(migrations).is_empty() && state.has_tables;
            let wanted = options.backup && changes && !self.is_temporary()?;
            backup = wanted.then(|| copy_before(self, migrations, patience)).transpose()?;
            let before = keys.enforced.then(|| References::check(&writer)).transpose()?;
            report.applied = run(&writer, migrations, &plan)?;
            if let Some(before) = before {
                before.compare(&References::check(&writer)?)?;
            }
            plan.record(&writer, migrations)?;
            commit(&writer, &mut backup)?;
        }
        keys.restore()?;
        report.backup = backup.map(Copied::keep);
        Ok(report)
    }

    fn is_temporary(&self) -> Result<bool> {
        Ok(self.engine()?.location.temporary)
    }
}

fn commit(connection: &Connection, backup: &mut Option<Copied>) -> Result<()> {
    let result = connection.command("COMMIT");
    if result.is_err() && connection.is_idle() {
        // SQLite ended the transaction itself, so that the backup may be wanted.
        if let Some(path) = backup.take().map(Copied::keep) {
            log::error!(target: "holdfast::migrate", "a commit failed; the backup is {path:?}");
        }
    }
    result
}

fn run(connection: &Connection, migrations: &Migrations, plan: &Plan) -> Result<Vec<Applied>> {
    let mut applied = Vec::new();
    for step in plan.pending(migrations) {
        let begun = Instant::now();
        let ran = connection.execute_script(step.text());
        ran.map_err(|error| explain(error, step, plan.from))?;
        let Step { version, name, .. } = step.clone();
        applied.push(Applied { version, name, time: begun.elapsed() });
    }
    Ok(applied)
}

/// Name the step where the step is to blame.
fn explain(error: Error, step: &Step, from: u32) -> Error {
    let mut hint = "correct the step and migrate again";
    match &error {
        Error::Sqlite(e) => {
            let code = e.code & 0xff;
            let own = [ffi::SQLITE_ERROR, ffi::SQLITE_CONSTRAINT, ffi::SQLITE_MISMATCH];
            if !own.contains(&code) && code != ffi::SQLITE_TOOBIG {
                return error;
            }
            if from == 0 && e.message.contains("already exists") {
                hint =
                    "if the file has the schema of step N already, adopt it: migrate with adopt=N";
            } else if e.message.contains("error in view") || e.message.contains("error in trigger")
            {
                hint = "drop what refers to the table before, and create it again after";
            }
        }
        Error::Misuse(_) | Error::Value(_) | Error::Parameter(_) => {}
        _ => return error,
    }
    Error::Migration(format!("step {step} failed: {error}; the file is as it was: {hint}"))
}
