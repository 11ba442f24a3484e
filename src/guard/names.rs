//! Whether the names of the files that are open still lead to them.
//!
//! A database whose file or log was moved, replaced or deleted goes on working for those who have it
//! open, and nobody else ever sees what they commit. Without the index of the log (`-shm`) they and
//! others overwrite each other.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::error::{Error, Result};
use crate::location::FileId;

/// The file and its log come first among the names.
const WRITTEN: usize = 2;

/// Readers look again after so many milliseconds.
const INTERVAL: i64 = 250;

const OLD_LOG: &str = ", beside the log of the file that was there: once nobody has it open any more, \
                       remove the -wal and -shm files, which do not belong to the new one";

/// The names of one database, and what they led to when it was opened.
pub(crate) struct Names {
    path: PathBuf,
    files: Vec<Name>,
    looked: AtomicI64,
    lost: OnceLock<String>,
}

struct Name {
    what: &'static str,
    /// What else there is to do when another file has the name.
    rest: &'static str,
    name: CString,
    file: FileId,
}

impl Names {
    /// `log` tells whether a connection of this process has the write-ahead log open, and keeps it.
    pub(crate) fn new(path: &Path, file: FileId, log: bool) -> Result<Self> {
        let (what, rest) = ("the file", OLD_LOG);
        let mut files = vec![Name { what, rest, name: name(path, "")?, file }];
        if log {
            let name = name(path, "-wal")?;
            let file = found(&name).map_err(|e| {
                Error::io(format!("cannot look at the write-ahead log of {path:?}"), e)
            })?;
            files.push(Name { what: "its write-ahead log (-wal)", rest: "", name, file });
            // Its locks are in there: with another index, writers do not meet. Who locks the file for
            // good has none.
            let (what, name) = ("the index of its log (-shm)", self::name(path, "-shm")?);
            files.extend(found(&name).ok().map(|file| Name { what, rest: "", name, file }));
        }
        let (looked, lost) = (AtomicI64::new(now()), OnceLock::new());
        let names = Names { path: path.to_owned(), files, looked, lost };
        names.look()?;
        Ok(names)
    }

    /// What the last look found.
    ///
    /// # Errors
    /// [`Error::Moved`].
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if self.lost.get().is_none() { Ok(()) } else { Err(self.error()) }
    }

    /// Look now.
    ///
    /// # Errors
    /// [`Error::Moved`], from then on.
    pub(crate) fn look(&self) -> Result<()> {
        self.look_at(&self.files)
    }

    /// Look after a commit: at what it was written to; at the index of the log now and then.
    ///
    /// # Errors
    /// [`Error::Moved`], from then on.
    pub(crate) fn look_after_commit(&self) -> Result<()> {
        self.look_at(&self.files[..WRITTEN.min(self.files.len())])?;
        self.look_at_times()
    }

    fn look_at(&self, files: &[Name]) -> Result<()> {
        self.check()?;
        let Some(problem) = files.iter().find_map(Name::problem) else { return Ok(()) };
        let _ = self.lost.set(problem);
        Err(self.error())
    }

    /// Look if nobody has for a while.
    ///
    /// # Errors
    /// [`Error::Moved`].
    #[inline]
    pub(crate) fn look_at_times(&self) -> Result<()> {
        let (last, now) = (self.looked.load(Ordering::Relaxed), now());
        if now - last < INTERVAL {
            return self.check();
        }
        self.looked.store(now, Ordering::Relaxed);
        self.look()
    }

    #[cold]
    fn error(&self) -> Error {
        let problem = self.lost.get().cloned().unwrap_or_default();
        Error::Moved { path: self.path.clone(), problem }
    }
}

impl Name {
    fn problem(&self) -> Option<String> {
        let what = self.what;
        match found(&self.name) {
            Ok(file) if file == self.file => None,
            Ok(_) => Some(format!("another file has taken the name of {what}{}", self.rest)),
            // Any other failure says nothing about the file.
            Err(e) => matches!(e.raw_os_error(), Some(libc::ENOENT | libc::ENOTDIR))
                .then(|| format!("{what} was deleted or moved away")),
        }
    }
}

fn name(path: &Path, end: &str) -> Result<CString> {
    let bytes = [path.as_os_str(), OsStr::new(end)].map(OsStrExt::as_bytes).concat();
    CString::new(bytes).map_err(|_| Error::path(path, "the path contains a NUL byte"))
}

fn found(name: &CString) -> io::Result<FileId> {
    // SAFETY: the name lives through the call, and all zero is a valid structure to fill.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        match libc::stat(name.as_ptr(), &raw mut stat) {
            0 => Ok(FileId { device: stat.st_dev, inode: stat.st_ino }),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

/// Milliseconds of a clock that is cheap to read.
fn now() -> i64 {
    #[cfg(target_os = "linux")]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
    #[cfg(not(target_os = "linux"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the structure is ours, the clock exists.
    unsafe { libc::clock_gettime(CLOCK, &raw mut time) };
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}
