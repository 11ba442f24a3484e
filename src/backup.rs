//! Copies of a database: made under writers, verified, restored.

use std::path::{Path, PathBuf, absolute};
use std::time::{Duration, Instant, SystemTime};

use crate::connection::Connection;
use crate::database::Database;
use crate::engine::is_open_here;
use crate::error::{Error, Result};
use crate::patience::Patience;
use crate::transaction::Snapshot;

mod check;
mod copy;
mod file;
mod restore;

pub use check::{CheckReport, ForeignKeyViolation};
pub use restore::{RestoreReport, restore};

use file::{SIDE_FILES, Temporary, beside};

/// How a backup is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BackupOptions {
    /// Replace a file of that name.
    pub overwrite: bool,
}

/// A backup that was made and verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupReport {
    /// The copy, absolute.
    pub path: PathBuf,
    /// Its pages.
    pub pages: u32,
    /// Its size in bytes.
    pub bytes: u64,
    /// How long it took, verification included.
    pub time: Duration,
    /// What the verification found: rows that miss their parent in the database miss it in the
    /// copy too. A damaged copy is an error instead.
    pub check: CheckReport,
}

impl Database {
    /// Copy the database as it is now to a file of its own, while others read and write.
    ///
    /// The copy is one moment in time, complete without a WAL, readable by its owner alone. It is
    /// made under a temporary name, verified (`integrity_check`, `foreign_key_check`) and flushed
    /// to the disk before it takes its name; nothing is left of one that failed. `progress` is told
    /// pages done and pages in all. While it runs the WAL cannot start over; without a WAL
    /// (another `journal_mode`), writers wait for its end.
    ///
    /// # Errors
    /// [`Error::Path`] for a target that exists, that is open or that cannot be; [`Error::Sqlite`]
    /// for a full disk; [`Error::Corruption`] for a damaged database; [`Error::Timeout`],
    /// [`Error::Interrupted`].
    ///
    /// ```
    /// # let dir = tempfile::tempdir().unwrap();
    /// use holdfast::{BackupOptions, Database, Patience};
    /// let db = Database::open(":memory:")?;
    /// let (options, patience) = (BackupOptions::default(), Patience::unbounded());
    /// let report = db.backup(&dir.path().join("copy.db"), options, &patience, &mut |_, _| ())?;
    /// assert!(report.check.ok());
    /// # Ok::<(), holdfast::Error>(())
    /// ```
    pub fn backup(
        &self,
        to: &Path,
        options: BackupOptions,
        patience: &Patience<'_>,
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<BackupReport> {
        // Closed meanwhile, the copy is still a backup.
        let engine = self.engine()?;
        let report = self.copy_to(to, options, patience, progress)?;
        log::info!(
            target: "holdfast::backup",
            "{} bytes backed up to {:?} in {:.1?}", report.bytes, report.path, report.time
        );
        engine.stats.last_backup.set(report.clone());
        Ok(report)
    }

    /// A verified copy that does not count as a backup.
    pub(crate) fn copy_to(
        &self,
        to: &Path,
        options: BackupOptions,
        patience: &Patience<'_>,
        progress: &mut dyn FnMut(u32, u32),
    ) -> Result<BackupReport> {
        let engine = self.engine()?;
        let begun = Instant::now();
        let to = target(to, options)?;
        patience.caller().release();
        let temporary = Temporary::create(&to)?;
        let pages = {
            // Also of a file that was moved or deleted: this saves what is left of it.
            let reader = engine.pool()?.get(patience, &engine.stats)?;
            let snapshot = Snapshot::begin_on(reader, patience)?;
            copy::copy(snapshot.connection()?, temporary.path(), patience, progress)?
        };
        let check = verify(&temporary, &to, patience)?;
        let bytes = temporary.sync()?;
        // Somebody may have opened the target meanwhile.
        target(&to, options)?;
        still_wanted(patience)?;
        temporary.publish(&to, options.overwrite)?;
        Ok(BackupReport { path: to, pages, bytes, time: begun.elapsed(), check })
    }

    /// Look for damage and for rows without their parent, at one moment in time.
    ///
    /// `quick` leaves out whether indexes agree with their tables.
    ///
    /// # Errors
    /// [`Error::Busy`] when no reader is to be had; [`Error::Timeout`], [`Error::Interrupted`].
    /// What it finds is no error, but in the report.
    pub fn check(&self, quick: bool, patience: &Patience<'_>) -> Result<CheckReport> {
        patience.caller().release();
        let snapshot = match Snapshot::begin(self.engine()?, patience) {
            Err(Error::Corruption { problem, .. }) => return Ok(CheckReport::damaged(problem)),
            snapshot => snapshot?,
        };
        check::check(snapshot.connection()?, quick, patience)
    }

    /// The last backup that this process made of the database, and when.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn last_backup(&self) -> Result<Option<(SystemTime, BackupReport)>> {
        Ok(self.engine()?.stats.last_backup.get())
    }
}

/// The last look at the deadline and the caller: a short copy is made between two of them.
fn still_wanted(patience: &Patience<'_>) -> Result<()> {
    if patience.is_over() {
        return Err(Error::Timeout(patience.limit().unwrap_or_default()));
    }
    if patience.caller().proceed() { Ok(()) } else { Err(Error::Interrupted) }
}

/// Check the copy on a connection of its own; a damaged one is an error.
fn verify(copy: &Temporary, to: &Path, patience: &Patience<'_>) -> Result<CheckReport> {
    let connection = copy::open_alone(copy.path(), patience)?;
    let report = check::check(&connection, false, patience)?;
    match report.problems.first() {
        None => Ok(report),
        Some(problem) => Err(Error::damaged(format!(
            "the copy for {to:?} is damaged, and so is what it was made of: {problem}; nothing was \
             changed"
        ))),
    }
}

/// The file that a backup may become.
fn target(to: &Path, options: BackupOptions) -> Result<PathBuf> {
    let refuse = |problem: String| Err(Error::path(to, problem));
    let path = absolute(to).map_err(|e| Error::io(format!("cannot resolve {to:?}"), e))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    if name.is_none_or(|name| SIDE_FILES.iter().any(|end| name.ends_with(end))) {
        return refuse(
            "name a file for the backup; names in -wal, -shm and -journal are taken".into(),
        );
    }
    if !path.parent().is_some_and(Path::is_dir) {
        return refuse("there is no such directory; make it first".into());
    }
    if let Ok(found) = std::fs::symlink_metadata(&path) {
        if is_open_here(&path) {
            return refuse("this process has it open as a database; choose another name".into());
        }
        if !found.is_file() {
            return refuse("it exists and is no plain file; choose another name".into());
        }
        if !options.overwrite {
            return refuse("it exists; choose another name, or ask for overwrite".into());
        }
    }
    // SQLite would play a log of that name into the copy.
    if let Some(side) = SIDE_FILES.iter().map(|end| beside(&path, end)).find(|p| p.exists()) {
        return refuse(format!("{side:?} belongs to a database in use; restore() replaces one"));
    }
    Ok(path)
}

/// The number of pages of a file and their size in bytes.
fn size(connection: &Connection) -> Result<(u32, u64)> {
    let pages = connection.number("PRAGMA page_count")?.unsigned_abs();
    let bytes = pages * connection.number("PRAGMA page_size")?.unsigned_abs();
    Ok((u32::try_from(pages).unwrap_or(u32::MAX), bytes))
}
