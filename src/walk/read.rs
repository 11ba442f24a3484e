//! Reading a file below a folder: never through a link, never anything but a regular file.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often a file is read anew that changes meanwhile.
const TRIES: usize = 3;
/// The coarsest clock of a file system (FAT): what changed within it may change again unseen.
const GRAIN: Duration = Duration::from_secs(2);

/// What is wrong with a path that goes up, or begins at the top.
const OUTSIDE: &str = "its path leads out of the folder";

const FLAGS: libc::c_int = libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOFOLLOW;

/// What tells that a file has changed: size in bytes, times in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The size.
    pub size: u64,
    /// When the content was changed, as the file says.
    pub mtime_ns: i64,
    /// When anything was changed, which no program can set back.
    pub ctime_ns: i64,
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Stamp {
        Stamp {
            size: metadata.len(),
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Whether a later change must show: the clock has moved on since the last one.
    fn is_settled(self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let grain = GRAIN.as_nanos() as i128;
        let last = i128::from(self.mtime_ns.max(self.ctime_ns));
        now.as_nanos() as i128 - last > grain
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// A file as it was read.
#[derive(Debug)]
pub struct Content {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What it was then.
    pub stamp: Stamp,
    /// Whether the stamp tells it from every later state.
    pub settled: bool,
}

/// A folder, by its descriptor.
#[derive(Debug)]
pub struct Folder(OwnedFd);

impl Folder {
    /// Open a folder. It is no link itself: one that took its place would lead elsewhere.
    pub fn open(path: &Path) -> io::Result<Folder> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        open_at(libc::AT_FDCWD, &path, FLAGS | libc::O_DIRECTORY).map(Folder)
    }

    /// Enter a folder in this one, never through a link.
    pub(super) fn enter(&self, name: &CStr) -> io::Result<Folder> {
        open_at(self.0.as_raw_fd(), name, FLAGS | libc::O_DIRECTORY).map(Folder)
    }

    pub(super) fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// Read a file below the folder. The error says what is wrong, without the path.
    pub fn read(&self, path: &Path, max_size: u64) -> Result<Content, String> {
        let mut names = Vec::new();
        for part in path.components() {
            match part {
                Component::Normal(name) => names.push(CString::new(name.as_bytes())),
                _ => return Err(OUTSIDE.into()),
            }
        }
        let names: Result<Vec<_>, _> = names.into_iter().collect();
        let names = names.map_err(|_| "its path has a NUL character")?;
        let Some((last, folders)) = names.split_last() else {
            return Err(OUTSIDE.into());
        };
        let mut folder: Option<Folder> = None;
        for name in folders {
            folder = Some(folder.as_ref().unwrap_or(self).enter(name).map_err(|e| why(&e))?);
        }
        folder.as_ref().unwrap_or(self).read_file(last, max_size)
    }

    /// Read a file in the folder.
    pub(super) fn read_file(&self, name: &CStr, max_size: u64) -> Result<Content, String> {
        for _ in 0..TRIES {
            // Each time anew: another file may have taken the name. A pipe must not block.
            let flags = FLAGS | libc::O_NONBLOCK | libc::O_NOCTTY;
            let file = File::from(open_at(self.fd(), name, flags).map_err(|e| why(&e))?);
            let now = SystemTime::now();
            let before = file.metadata().map_err(|e| why(&e))?;
            if !before.is_file() {
                return Err("it is not a regular file".into());
            }
            if before.len() > max_size {
                return Err(too_large(before.len(), max_size));
            }
            let mut bytes = Vec::with_capacity(before.len() as usize + 1);
            // One byte more tells a file that grows.
            (&file).take(max_size + 1).read_to_end(&mut bytes).map_err(|e| why(&e))?;
            let stamp = Stamp::of(&before);
            let after = file.metadata().map_err(|e| why(&e))?;
            if Stamp::of(&after) == stamp && bytes.len() as u64 == stamp.size {
                return Ok(Content { bytes, stamp, settled: stamp.is_settled(now) });
            }
        }
        Err("it changes while it is read; the next sync tries again".into())
    }

    /// What a name in the folder is, and its stamp, without following a link.
    #[allow(clippy::unnecessary_cast)] // the widths of these fields differ by platform
    pub(super) fn status(&self, name: &CStr) -> io::Result<(libc::mode_t, Stamp)> {
        // SAFETY: all-zero is a valid stat, which the call then fills.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        let follow = libc::AT_SYMLINK_NOFOLLOW;
        // SAFETY: the descriptor is open, the name terminated, the buffer of the right type.
        if unsafe { libc::fstatat(self.fd(), name.as_ptr(), &mut stat, follow) } == -1 {
            return Err(io::Error::last_os_error());
        }
        let stamp = Stamp {
            size: stat.st_size as u64,
            mtime_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctime_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        };
        Ok((stat.st_mode & libc::S_IFMT, stamp))
    }
}

fn open_at(fd: RawFd, name: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open and the name a terminated string.
    let opened = unsafe { libc::openat(fd, name.as_ptr(), flags) };
    if opened == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just opened, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(opened) })
}

pub(super) fn too_large(size: u64, max_size: u64) -> String {
    format!("it has {size} bytes, and max_size is {max_size}")
}

/// What an error of the system means for a file of the folder.
pub(super) fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it vanished meanwhile".into(),
        io::ErrorKind::PermissionDenied => "permission to read it is denied".into(),
        _ => match error.raw_os_error() {
            Some(libc::ELOOP) => "it is, or lies behind, a symbolic link".into(),
            Some(libc::ENOTDIR) => "it lies behind a symbolic link or a file".into(),
            _ => format!("it cannot be read: {error}"),
        },
    }
}
