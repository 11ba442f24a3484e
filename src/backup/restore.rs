//! Putting a backup in the place of a database.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf, absolute};
use std::time::{Duration, Instant};

use rusqlite::OpenFlags;
use rusqlite::config::DbConfig;

use super::file::{SIDE_FILES, Temporary, beside, rename_new, sync_directory};
use super::{CheckReport, check, copy, size, still_wanted, verify};
use crate::connection::Connection;
use crate::engine::is_open_here;
use crate::error::{Busy, Error, Resource, Result};
use crate::guard;
use crate::location::{FileId, Location};
use crate::locks;
use crate::options::Options;
use crate::patience::Patience;
use crate::retry::RetryClassifiable;
use crate::turn::Turn;
use crate::watch::Role;

/// How long the database's last users may take to close it; those who keep it open stay longer.
const CLOSING: Duration = Duration::from_millis(300);

/// A backup that was put in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreReport {
    /// The database, absolute.
    pub path: PathBuf,
    /// What was there before, complete; `None` when nothing was.
    pub safety_copy: Option<PathBuf>,
    /// Pages of the database.
    pub pages: u32,
    /// Its size in bytes.
    pub bytes: u64,
    /// How long it took, verification included.
    pub time: Duration,
    /// What the verification found: rows that miss their parent in the backup miss it here too.
    /// A damaged backup is an error instead.
    pub check: CheckReport,
}

/// Put a backup in the place of a database, or where there is none.
///
/// The backup is copied and verified first, and is not changed. What was there is kept beside the
/// database as `NAME.before-restore-YYYYMMDD-HHMMSS` (UTC), with what its WAL held; of a file that
/// is too damaged to be opened, the WAL and the journal are kept under the same name too. `to` is
/// taken below `data_dir` as when opening. `progress` is told pages done and pages in all.
///
/// # Errors
/// [`Error::Busy`] while another process has the database open; [`Error::Misuse`] while this one
/// has; [`Error::Path`] for a path that may not be opened; [`Error::Corruption`] for a backup that
/// is damaged or none; [`Error::Timeout`], [`Error::Interrupted`]. What was there is there then.
pub fn restore(
    backup: &Path,
    to: &Path,
    data_dir: Option<&Path>,
    patience: &Patience<'_>,
    progress: &mut dyn FnMut(u32, u32),
) -> Result<RestoreReport> {
    guard::watch_forks();
    let begun = Instant::now();
    patience.caller().release();
    let backup =
        absolute(backup).map_err(|e| Error::io(format!("cannot resolve {backup:?}"), e))?;
    let found = std::fs::metadata(&backup)
        .map_err(|e| Error::path(&backup, format!("the backup cannot be looked at: {e}")))?;
    if found.len() == 0 {
        return Err(Error::damaged(format!("the backup {backup:?} is empty")));
    }
    let target = Target::find(to, data_dir)?;
    let path = target.path.clone();
    if FileId::of(&backup)? == FileId::of(&path)? {
        return Err(Error::path(path, "this is the backup itself; choose another name for one"));
    }
    refuse_open(&path)?;

    let temporary = Temporary::create(&path)?;
    let pages = {
        let source = copy::open_alone(&backup, patience)?;
        let _attention = source.attend(patience);
        source.command("BEGIN")?;
        source.number("PRAGMA page_count").map_err(|e| name_backup(e, &backup))?;
        copy::copy(&source, temporary.path(), patience, progress)?
    };
    let check = verify(&temporary, &path, patience)?;
    let bytes = temporary.sync()?;

    let id = FileId::of(temporary.path())?;
    still_wanted(patience)?;
    let turn = Turn::to_replace(&path, patience)?;
    let safety_copy = switch(temporary, &path, patience)?;
    target.keep();
    let restored = FileId::of(&path)? == id && {
        let connection = copy::open_alone(&path, patience)?;
        size(&connection)?.0 == pages
            && check::check(&connection, true, patience)?.problems.is_empty()
    };
    drop(turn);
    if !restored {
        return Err(Error::damaged(format!(
            "{path:?} is not what was restored: somebody changed it meanwhile, or the disk failed; \
             what was there before is in {safety_copy:?}"
        )));
    }
    log::info!(target: "holdfast::backup", "{backup:?} restored to {path:?}; kept {safety_copy:?}");
    Ok(RestoreReport { path, safety_copy, pages, bytes, time: begun.elapsed(), check })
}

/// Where the database goes; a file that was made to find that out goes away again.
struct Target {
    path: PathBuf,
    made: bool,
}

impl Target {
    fn find(to: &Path, data_dir: Option<&Path>) -> Result<Self> {
        let given = data_dir.map_or_else(|| to.to_owned(), |dir| dir.join(to));
        let existed = given.symlink_metadata().is_ok();
        let options = Options { data_dir: data_dir.map(Path::to_owned), ..Options::default() };
        let location = Location::resolve(to, &options)?;
        if location.temporary {
            let _ = location.remove();
            return Err(Error::path(to, "a temporary database has no place to restore to"));
        }
        Ok(Target { path: location.path, made: !existed })
    }

    fn keep(mut self) {
        self.made = false;
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.made && self.path.metadata().is_ok_and(|file| file.len() == 0) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn refuse_open(path: &Path) -> Result<()> {
    if is_open_here(path) {
        return Err(Error::Misuse(format!(
            "{path:?} is open in this process; close it before a backup is restored to it"
        )));
    }
    Ok(())
}

fn name_backup(error: Error, backup: &Path) -> Error {
    match error {
        Error::Corruption { problem, .. } => {
            Error::damaged(format!("{backup:?} cannot be restored: {problem}"))
        }
        error => error,
    }
}

/// Let the new file take the name of the old one.
///
/// A crash must leave the old database or the new one, never the new one beside the old one's WAL
/// or journal, which SQLite would play into it. So, the first step flushed before the second:
/// 1. the old database becomes one file: its WAL is copied into it and both side files go, or its
///    journal is played back (until here a crash leaves the old one, whole);
/// 2. old and new file swap names in one step, under SQLite's exclusive lock on the old one;
/// 3. the old file gets the name of the safety copy (a crash before that leaves it under a
///    temporary name beside the new database).
///
/// A file that SQLite cannot read cannot do the first step. Its side files move instead, before the
/// swap: a crash in between leaves the damaged file, and its parts side by side.
fn switch(new: Temporary, path: &Path, patience: &Patience<'_>) -> Result<Option<PathBuf>> {
    let empty = std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
    if empty && !side_files(path).any(|(_, file)| file.exists()) {
        new.publish(path, true)?;
        return Ok(None);
    }
    let kept = safety_name(path);
    // Beside an empty file SQLite throws a WAL away, and it may be what is left of a database.
    let lock = if empty { Err(Error::damaged(String::new())) } else { settle(path, patience) };
    match lock {
        Ok(_lock) => {
            refuse_open(path)?;
            if let Some((_, side)) = side_files(path).find(|(_, file)| file.exists()) {
                return Err(Error::path(path, format!("{side:?} is in use; nothing was changed")));
            }
            // A power cut must not bring the WAL back beside the new file.
            sync_directory(path)?;
            new.replace(path, &kept)?;
        }
        Err(Error::Corruption { .. }) => {
            let _lock = lock_whole(path)?;
            for (end, side) in side_files(path).filter(|(_, file)| file.exists()) {
                rename_new(&side, &beside(&kept, end))
                    .map_err(|e| Error::io(format!("cannot move {side:?} out of the way"), e))?;
            }
            sync_directory(path)?;
            new.replace(path, &kept)?;
        }
        Err(error) => return Err(error),
    }
    Ok(Some(kept))
}

fn side_files(path: &Path) -> impl Iterator<Item = (&'static str, PathBuf)> + '_ {
    SIDE_FILES.iter().map(|end| (*end, beside(path, end)))
}

/// Make the old database one file, and lock everybody out of it until the connection is dropped.
fn settle(path: &Path, patience: &Patience<'_>) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let raw = rusqlite::Connection::open_with_flags(path, flags)?;
    // Of a file that cannot be read, closing must not throw the WAL away.
    raw.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    let connection = Connection::verify(raw, Role::Writer, &copy::plain(), patience)?;
    let closing = Patience::new(Some(CLOSING), patience.caller()).within(patience.bound());
    let _attention = connection.attend(&closing);
    // Leaving WAL mode copies the WAL, and needs every other connection to be gone. SQLite does not
    // ask its busy handler about one that is just being closed.
    while let Err(error) = connection.command("PRAGMA journal_mode = delete") {
        if !error.is_retryable() || !closing.sleep(Duration::from_millis(2)) {
            return Err(error);
        }
    }
    connection.command("BEGIN EXCLUSIVE")?;
    drop(_attention);
    Ok(connection)
}

/// Lock SQLite's lock bytes of a file that SQLite cannot read, against those who had it open.
fn lock_whole(path: &Path) -> Result<File> {
    let cannot = |e| Error::io(format!("cannot lock {path:?}"), e);
    let file = OpenOptions::new().read(true).write(true).open(path).map_err(cannot)?;
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        // SAFETY: all zero is a valid lock; the descriptor is open.
        let rc = unsafe {
            let mut lock: libc::flock = std::mem::zeroed();
            lock.l_type = libc::F_WRLCK as libc::c_short;
            lock.l_start = 0x4000_0000;
            lock.l_len = 512;
            libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &lock)
        };
        if rc != 0 {
            let error = std::io::Error::last_os_error();
            return Err(match error.raw_os_error() {
                Some(libc::EAGAIN | libc::EACCES) => in_use(path),
                _ => cannot(error),
            });
        }
    }
    Ok(file)
}

fn in_use(path: &Path) -> Error {
    Error::Busy(Box::new(Busy {
        resource: Resource::File,
        waited: Duration::ZERO,
        code: rusqlite::ffi::SQLITE_BUSY,
        holders: Vec::new(),
        process: locks::writer_of(path),
    }))
}

fn safety_name(path: &Path) -> PathBuf {
    let name = beside(path, &format!(".before-restore-{}", utc_now()));
    let free =
        |name: &PathBuf| !name.exists() && !SIDE_FILES.iter().any(|end| beside(name, end).exists());
    let numbered = (2..).map(|i| beside(&name, &format!("-{i}")));
    std::iter::once(name.clone()).chain(numbered).find(free).unwrap_or(name)
}

/// The moment as `YYYYMMDD-HHMMSS`.
fn utc_now() -> String {
    // SAFETY: both structures are plain numbers that the calls fill in.
    let now = unsafe {
        let time = libc::time(std::ptr::null_mut());
        let mut now: libc::tm = std::mem::zeroed();
        libc::gmtime_r(&time, &mut now);
        now
    };
    let (year, month) = (now.tm_year + 1900, now.tm_mon + 1);
    let (hour, minute, second) = (now.tm_hour, now.tm_min, now.tm_sec);
    format!("{year:04}{month:02}{:02}-{hour:02}{minute:02}{second:02}", now.tm_mday)
}
