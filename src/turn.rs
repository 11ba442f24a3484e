//! Opening and restoring take turns, across processes, by a lock on the directory.
//!
//! SQLite locks a file some time after it has opened it. A restore that swaps the file in between
//! would leave that process with the old file and the new one's log.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Busy, Error, Resource, Result};

/// How long a restore, or those who open, are waited for.
const LIMIT: Duration = Duration::from_secs(10);

/// Held while a file is opened, or put in the place of another.
pub(crate) struct Turn(Option<File>);

impl Turn {
    /// With others who open.
    pub(crate) fn to_open(path: &Path) -> Result<Self> {
        Self::take(path, libc::LOCK_SH)
    }

    /// Alone.
    pub(crate) fn to_replace(path: &Path) -> Result<Self> {
        Self::take(path, libc::LOCK_EX)
    }

    fn take(path: &Path, how: libc::c_int) -> Result<Self> {
        // A directory that cannot be listed cannot be locked; nobody restores into it either.
        let Ok(directory) = File::open(path.parent().unwrap_or(Path::new("."))) else {
            return Ok(Turn(None));
        };
        let begun = Instant::now();
        loop {
            // SAFETY: the descriptor is open.
            if unsafe { libc::flock(directory.as_raw_fd(), how | libc::LOCK_NB) } == 0 {
                return Ok(Turn(Some(directory)));
            }
            let error = std::io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EWOULDBLOCK | libc::EINTR) if begun.elapsed() < LIMIT => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Some(libc::EWOULDBLOCK) => {
                    return Err(Error::Busy(Box::new(Busy {
                        resource: Resource::File,
                        waited: begun.elapsed(),
                        code: rusqlite::ffi::SQLITE_BUSY,
                        holders: Vec::new(),
                        process: None,
                    })));
                }
                // A file system without such locks.
                _ => return Ok(Turn(None)),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(directory) = &self.0 {
            // A forked child may hold the same description open.
            // SAFETY: the descriptor is open.
            unsafe { libc::flock(directory.as_raw_fd(), libc::LOCK_UN) };
        }
    }
}
