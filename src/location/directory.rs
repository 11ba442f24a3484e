//! A directory by its descriptor: look, make and enter without following links.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Checked, FileId};

// A path-only descriptor needs no read permission on the directory.
#[cfg(target_os = "linux")]
const DIRECTORY: libc::c_int = libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC;
#[cfg(not(target_os = "linux"))]
const DIRECTORY: libc::c_int = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;

/// What `lstat` tells about a file.
pub(super) struct Status {
    pub id: FileId,
    pub mode: libc::mode_t,
    pub links: u64,
    pub owner: u32,
}

/// A directory held by its descriptor, so that what is checked in it is what is used, even when
/// its path comes to mean something else.
pub(super) struct Directory {
    fd: OwnedFd,
    pub path: PathBuf,
}

impl Directory {
    /// Open an existing directory, through links.
    pub fn open(path: &Path) -> Checked<Directory> {
        let problem = |e: io::Error| match e.kind() {
            io::ErrorKind::NotFound => {
                format!("the directory {path:?} does not exist; create it first")
            }
            _ => format!("the directory {path:?} cannot be entered: {e}"),
        };
        let path = path.canonicalize().map_err(problem)?;
        let fd = open_at(libc::AT_FDCWD, path.as_os_str(), DIRECTORY | libc::O_NOFOLLOW);
        Ok(Directory { fd: fd.map_err(problem)?, path: path.clone() })
    }

    /// Enter a directory in this one, never through a link; make it first where it is missing.
    pub fn descend(&self, name: &OsStr, make: bool) -> Checked<Directory> {
        let path = self.path.join(name);
        let enter = || open_at(self.fd.as_raw_fd(), name, DIRECTORY | libc::O_NOFOLLOW);
        let mut fd = enter();
        if make && matches!(&fd, Err(e) if e.kind() == io::ErrorKind::NotFound) {
            fd = match self.make(name) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(format!("the directory {path:?} cannot be created: {e}"));
                }
                _ => enter(),
            };
        }
        let fd = fd.map_err(|e| match self.status(name).map(|s| s.mode & libc::S_IFMT) {
            Ok(kind) if kind == libc::S_IFLNK => format!(
                "{path:?} is a symbolic link, which may lead out of the data directory; replace \
                 it by a directory, or open with the data_dir that it leads to"
            ),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                format!("the directory {path:?} does not exist; create it, or open with create")
            }
            _ => format!("the directory {path:?} cannot be entered: {e}"),
        })?;
        Ok(Directory { fd, path })
    }

    /// Make a directory of mode 0700 in this one, whatever the umask.
    pub fn make(&self, name: &OsStr) -> io::Result<()> {
        let fd = self.fd.as_raw_fd();
        let text = CString::new(name.as_bytes())?;
        // SAFETY: the descriptor is open and the name is a terminated string.
        checked(unsafe { libc::mkdirat(fd, text.as_ptr(), 0o700) })?;
        if self.status(name)?.mode & 0o777 != 0o700 {
            // SAFETY: as above.
            checked(unsafe { libc::fchmodat(fd, text.as_ptr(), 0o700, 0) })?;
        }
        self.sync();
        Ok(())
    }

    /// Make an empty file of mode 0600, whatever the umask; SQLite's log files inherit the mode.
    pub fn create(&self, name: &OsStr) -> io::Result<()> {
        let exclusive = libc::O_CREAT | libc::O_EXCL | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let file = open_at(self.fd.as_raw_fd(), name, libc::O_RDWR | exclusive)?;
        // SAFETY: the descriptor is open.
        checked(unsafe { libc::fchmod(file.as_raw_fd(), 0o600) })?;
        self.sync();
        Ok(())
    }

    /// Keep a new name through a power cut, where the file system can: SQLite syncs only its own.
    fn sync(&self) {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        if let Ok(fd) = open_at(self.fd.as_raw_fd(), OsStr::new("."), flags) {
            let _ = std::fs::File::from(fd).sync_all();
        }
    }

    #[allow(clippy::unnecessary_cast)] // the widths of these fields differ by platform
    pub fn status(&self, name: &OsStr) -> io::Result<Status> {
        let name = CString::new(name.as_bytes())?;
        // SAFETY: all-zero is a valid stat, which the call then fills.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        let fd = self.fd.as_raw_fd();
        // SAFETY: the descriptor is open, the name terminated, the buffer of the right type.
        checked(unsafe { libc::fstatat(fd, name.as_ptr(), &mut stat, libc::AT_SYMLINK_NOFOLLOW) })?;
        let id = FileId { device: stat.st_dev as u64, inode: stat.st_ino as u64 };
        Ok(Status { id, mode: stat.st_mode, links: stat.st_nlink as u64, owner: stat.st_uid })
    }

    pub fn access(&self, name: &OsStr, mode: libc::c_int) -> io::Result<()> {
        let name = CString::new(name.as_bytes())?;
        // SAFETY: the descriptor is open and the name is a terminated string.
        checked(unsafe {
            libc::faccessat(self.fd.as_raw_fd(), name.as_ptr(), mode, libc::AT_EACCESS)
        })
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn open_at(fd: libc::c_int, name: &OsStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    let name = CString::new(name.as_bytes())?;
    // SAFETY: the name is terminated, and the mode is passed as O_CREAT needs it.
    let fd = unsafe { libc::openat(fd, name.as_ptr(), flags, 0o600 as libc::c_uint) };
    checked(fd)?;
    // SAFETY: the descriptor was just opened and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
