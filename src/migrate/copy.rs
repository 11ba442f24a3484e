//! A verified copy of the file as it is now.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::OpenFlags;
use rusqlite::backup::{Backup, StepResult};

use super::steps::{APP, Migrations};
use crate::database::Database;
use crate::error::{Error, Result};
use crate::patience::Patience;

/// Pages between two looks at the deadline.
const PAGES: i32 = 2000;

/// A file beside the database that is removed when dropped, unless it is kept.
pub(super) struct Copied {
    path: PathBuf,
    kept: bool,
}

impl Copied {
    pub(super) fn new(path: PathBuf) -> Self {
        Copied { path, kept: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn keep(mut self) -> PathBuf {
        self.kept = true;
        std::mem::take(&mut self.path)
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(with_suffix(&self.path, suffix));
        }
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Back up what the migration is about to change; the caller holds SQLite's write lock.
pub(super) fn copy_before(
    db: &Database,
    migrations: &Migrations,
    patience: &Patience<'_>,
) -> Result<Copied> {
    let target = match migrations.component_name() {
        APP => format!("v{}", migrations.latest()),
        name => {
            let plain = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '_' };
            format!("{}-v{}", name.chars().map(plain).collect::<String>(), migrations.latest())
        }
    };
    let now = db.reader(patience)?.query("SELECT strftime('%Y%m%dT%H%M%fZ', 'now')", &[])?;
    let Some([rusqlite::types::Value::Text(now)]) = now.first().map(Vec::as_slice) else {
        return Err(Error::Misuse("SQLite does not tell the time".into()));
    };
    let path = with_suffix(db.path(), &format!(".before-{target}-{now}"));
    let partial = Copied::new(with_suffix(&path, ".partial"));
    copy(db, partial.path(), patience)?;
    let failed = |e| Error::io(format!("cannot keep the backup {path:?}"), e);
    std::fs::rename(partial.path(), &path).map_err(failed)?;
    let backup = Copied::new(path.clone());
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory).and_then(|d| d.sync_all()).map_err(failed)?;
    Ok(backup)
}

/// Copy the file as a reader sees it now, check the copy, and bring it to the disk.
pub(super) fn copy(db: &Database, to: &Path, patience: &Patience<'_>) -> Result<()> {
    let failed = |e| Error::io(format!("cannot write the copy {to:?}"), e);
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut copy = rusqlite::Connection::open_with_flags(to, flags)?;
    let snapshot = db.snapshot(patience)?;
    {
        let backup = Backup::new(snapshot.connection()?.sqlite(), &mut copy)?;
        while backup.step(PAGES)? != StepResult::Done {
            if !patience.sleep(Duration::ZERO) || !patience.caller().proceed() {
                return Err(match patience.limit().filter(|_| patience.is_over()) {
                    Some(limit) => Error::Timeout(limit),
                    None => Error::Interrupted,
                });
            }
        }
    }
    drop(snapshot);
    // The copy stands alone: without a WAL beside it.
    copy.pragma_update(None, "journal_mode", "delete")?;
    let verdict: String = copy.pragma_query_value(None, "integrity_check", |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Error::Corruption(format!(
            "the file is damaged, so it was not migrated: {verdict}; check it with `holdfast check`"
        )));
    }
    copy.close().map_err(|(_, error)| error)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(failed)
}
