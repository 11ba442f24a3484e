//! A verified copy of the file as it is now.

use std::path::{Path, PathBuf};

use super::steps::{APP, Migrations};
use crate::backup::BackupOptions;
use crate::database::Database;
use crate::error::{Error, Result};
use crate::patience::Patience;

/// A file beside the database that is removed when dropped, unless it is kept.
pub(super) struct Copied {
    path: PathBuf,
    kept: bool,
}

impl Copied {
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
    copy(db, &path, patience)
}

/// Copy the file as a reader sees it now, verified; the copy is removed unless it is kept.
pub(super) fn copy(db: &Database, to: &Path, patience: &Patience<'_>) -> Result<Copied> {
    let copied = db.copy_to(to, BackupOptions::default(), patience, &mut |_, _| ())?;
    Ok(Copied { path: copied.path, kept: false })
}
