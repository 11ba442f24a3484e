//! Opening and restoring take turns, across processes, by a lock on the directory.
//!
//! SQLite locks a file some time after it has opened it. A restore that swaps the file in between
//! would leave that process with the old file and the new one's log.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{Busy, Error, Resource, Result};
use crate::patience::Patience;

/// How long a restore, or those who open, are waited for when the caller gives no timeout.
const LIMIT: Duration = Duration::from_secs(10);

/// Held while a file is opened, or put in the place of another.
pub(crate) struct Turn(Option<File>);

impl Turn {
    /// With others who open.
    pub(crate) fn to_open(path: &Path, patience: &Patience<'_>) -> Result<Self> {
        Self::take(path, libc::LOCK_SH, patience)
    }

    /// Alone.
    pub(crate) fn to_replace(path: &Path, patience: &Patience<'_>) -> Result<Self> {
        Self::take(path, libc::LOCK_EX, patience)
    }

    fn take(path: &Path, how: libc::c_int, patience: &Patience<'_>) -> Result<Self> {
        // A directory that cannot be listed cannot be locked; nobody restores into it either.
        let Ok(directory) = File::open(path.parent().unwrap_or(Path::new("."))) else {
            return Ok(Turn(None));
        };
        let begun = Instant::now();
        let limit = patience.deadline().unwrap_or(begun + LIMIT);
        loop {
            // SAFETY: the descriptor is open.
            if unsafe { libc::flock(directory.as_raw_fd(), how | libc::LOCK_NB) } == 0 {
                return Ok(Turn(Some(directory)));
            }
            let error = std::io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EWOULDBLOCK | libc::EINTR) if Instant::now() < limit => {
                    if !patience.sleep(Duration::from_millis(1)) && !patience.is_over() {
                        return Err(Error::Interrupted);
                    }
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
