//! Files that take their name only when they are whole.

use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What SQLite keeps beside a database; the ends of the names.
pub(super) const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A name with something at its end.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// A file that goes away unless it is published.
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// An empty file of a new name in the directory of `target`, for its owner alone.
    pub(super) fn create(target: &Path) -> Result<Self> {
        let name = format!(".holdfast-{:016x}.tmp", fastrand::u64(..));
        let path = target.with_file_name(name);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        // The umask may have taken away what the owner needs.
        made.and_then(|file| file.set_permissions(PermissionsExt::from_mode(0o600)))
            .map_err(|e| Error::io(format!("cannot make a file beside {target:?}"), e))?;
        Ok(Temporary(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Flush it to the disk; gives its size in bytes. No connection may be open on it.
    pub(super) fn sync(&self) -> Result<u64> {
        let flushed = File::open(&self.0).and_then(|file| {
            file.sync_all()?;
            Ok(file.metadata()?.len())
        });
        flushed.map_err(|e| Error::io(format!("cannot flush {:?} to the disk", self.0), e))
    }

    /// Give it its name.
    pub(super) fn publish(self, target: &Path, overwrite: bool) -> Result<()> {
        let renamed = match overwrite {
            true => std::fs::rename(&self.0, target),
            false => rename_new(&self.0, target),
        };
        match renamed {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                Err(Error::path(target, "it exists; choose another name, or ask for overwrite"))
            }
            Err(e) => Err(Error::io(format!("cannot give the copy its name {target:?}"), e)),
            Ok(()) => sync_directory(target),
        }
    }

    /// Put it in the place of a file that moves to `kept`, where nothing may be.
    pub(super) fn replace(self, target: &Path, kept: &Path) -> Result<()> {
        let failed =
            |e| Error::io(format!("cannot put the new file in the place of {target:?}"), e);
        if exchange(&self.0, target).is_ok() {
            // From here on the temporary name is the old database's: it must not be removed.
            let old = std::mem::ManuallyDrop::new(self);
            rename_new(&old.0, kept).map_err(failed)?;
        } else {
            std::fs::hard_link(target, kept).map_err(failed)?;
            std::fs::rename(&self.0, target).map_err(failed)?;
        }
        sync_directory(target)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let sides = SIDE_FILES.iter().map(|end| beside(&self.0, end));
        for path in sides.chain([self.0.clone()]) {
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    log::warn!(target: "holdfast::backup", "{path:?} stays behind: {e}");
                }
                _ => {}
            }
        }
    }
}

/// Rename, but never onto a file that exists.
pub(super) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rename_with(from, to, libc::RENAME_NOREPLACE) {
        Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS)) => {}
        result => return result,
    }
    std::fs::hard_link(from, to)?;
    std::fs::remove_file(from)
}

/// Let two files swap their names, in one step.
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return rename_with(one, other, libc::RENAME_EXCHANGE);
    #[cfg(not(target_os = "linux"))]
    Err(io::Error::new(io::ErrorKind::Unsupported, format!("{one:?} and {other:?}")))
}

#[cfg(target_os = "linux")]
fn rename_with(from: &Path, to: &Path, flags: libc::c_uint) -> io::Result<()> {
    let text = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::from);
    let (from, to) = (text(from)?, text(to)?);
    // SAFETY: the texts live through the call. The C library's own name for it is too new for some.
    let rc = unsafe {
        let here = libc::AT_FDCWD;
        libc::syscall(libc::SYS_renameat2, here, from.as_ptr(), here, to.as_ptr(), flags)
    };
    if rc == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Make the names in a file's directory last.
pub(super) fn sync_directory(of: &Path) -> Result<()> {
    let directory = of.parent().unwrap_or(of);
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(|e| Error::io(format!("cannot flush the directory {directory:?}"), e))
}
