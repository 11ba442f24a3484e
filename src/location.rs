//! Which paths may be opened: traversal, links, permissions, network file systems.

mod directory;
mod network;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf, absolute};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::options::Options;

use directory::{Directory, Status};
pub use network::{is_network, mounted_type, network_name};

// The limits of SQLite's unix VFS and of the common file systems, less room for `-journal`.
const MAX_PATH: usize = 512 - 8;
const MAX_NAME: usize = 255 - 8;

const NOT_EXPANDED: &str = "~ is not expanded; pass Path(...).expanduser()";

/// Which file a path leads to, whatever its name: the key for sharing one engine a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The device that the file is on.
    pub device: u64,
    /// The number of the file on its device.
    pub inode: u64,
}

impl FileId {
    /// The identity of an existing file; links are followed, nothing is opened.
    ///
    /// # Errors
    /// [`Error::Io`] when there is no such file or it cannot be reached.
    pub fn of(path: &Path) -> Result<FileId> {
        let file = std::fs::metadata(path)
            .map_err(|e| Error::io(format!("cannot look at {path:?}"), e))?;
        Ok(FileId { device: file.dev(), inode: file.ino() })
    }
}

/// An existing file that may be opened: absolute, free of links, of one name, permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The file: absolute, no symbolic link in it.
    pub path: PathBuf,
    /// Which file that was when it was checked; compare after opening.
    pub id: FileId,
    /// Whether the file is private and goes when the database is closed (`:memory:`).
    pub temporary: bool,
}

impl Location {
    /// Check that `path` may be opened with `options`, and make the file where they say so.
    ///
    /// An existing file is never opened here: closing it would drop SQLite's locks on it.
    ///
    /// # Errors
    /// [`Error::Path`], which says what is wrong with the path and what to do.
    pub fn resolve(path: &Path, options: &Options) -> Result<Location> {
        let found = if path.as_os_str() == ":memory:" {
            temporary(options)
        } else {
            check_name(path)
                .and_then(|()| match &options.data_dir {
                    Some(data_dir) => inside(path, data_dir, may_create(options)),
                    None => anywhere(path),
                })
                .and_then(|(directory, name)| settle(&directory, &name, options))
        };
        found.map_err(|problem| Error::path(path, problem))
    }

    /// Remove a temporary location with its directory; any other is left alone.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory is there and cannot be removed.
    pub fn remove(&self) -> Result<()> {
        let Some(directory) = self.path.parent().filter(|_| self.temporary) else {
            return Ok(());
        };
        match std::fs::remove_dir_all(directory) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                Err(Error::io(format!("cannot remove the temporary directory {directory:?}"), e))
            }
            _ => Ok(()),
        }
    }
}

/// What is wrong with a path, and what to do.
type Checked<T> = std::result::Result<T, String>;

fn may_create(options: &Options) -> bool {
    options.create && !options.read_only
}

fn check_name(path: &Path) -> Checked<()> {
    let bytes = path.as_os_str().as_bytes();
    let name = bytes.rsplit(|&b| b == b'/').next().unwrap_or_default();
    let ends = |end: &str| {
        let tail = name.len().checked_sub(end.len()).map(|at| &name[at..]);
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
    };
    let problem = if bytes.is_empty() {
        "the path is empty; name a file, or \":memory:\" for a private temporary database"
    } else if bytes.contains(&0) {
        "the path contains a NUL byte, which no file name can"
    } else if bytes.get(..5).is_some_and(|b| b.eq_ignore_ascii_case(b"file:")) {
        "file: URIs are not accepted; give the plain path, and settings as options"
    } else if bytes == b"~" || bytes.starts_with(b"~/") {
        NOT_EXPANDED
    } else if matches!(name, b"" | b"." | b"..") {
        "the path names a directory; add the name of the database file"
    } else if ends("-wal") || ends("-shm") || ends("-journal") {
        "names that end in -wal, -shm or -journal are SQLite's own; open the database itself, \
         or choose another name"
    } else if name.len() > MAX_NAME {
        "the file name is too long: SQLite adds -journal to it, so it may have 247 bytes"
    } else {
        return Ok(());
    };
    Err(problem.into())
}

/// The directory and name below `data_dir`; each step is taken without following links.
fn inside(path: &Path, data_dir: &Path, make: bool) -> Checked<(Directory, OsString)> {
    if path.components().any(|part| part == Component::ParentDir) {
        return Err("`..` may lead out of the data directory; name the file without it".into());
    }
    if data_dir.starts_with("~") {
        return Err(NOT_EXPANDED.into());
    }
    let mut directory = data_directory(data_dir, make)?;
    let root = directory.path.clone();
    let mut below = path;
    if path.is_absolute() {
        // The outermost match, so that a link below it which leads back is still seen.
        let leads = |p: &&Path| p.canonicalize().is_ok_and(|p| p == root);
        let prefix = path.ancestors().filter(leads).last();
        below = prefix.and_then(|p| path.strip_prefix(p).ok()).ok_or_else(|| {
            format!("it is outside the data directory {root:?}; give a path relative to that")
        })?;
    }
    let name = below.file_name().ok_or("it is the data directory itself; add a file name")?;
    for part in below.parent().into_iter().flat_map(Path::components) {
        if let Component::Normal(part) = part {
            directory = directory.descend(part, make)?;
        }
    }
    Ok((directory, name.to_owned()))
}

/// The data directory itself may be reached through links: it is the user's own choice.
fn data_directory(data_dir: &Path, make: bool) -> Checked<Directory> {
    let wanted = absolute(data_dir).map_err(|e| format!("the data directory {data_dir:?}: {e}"))?;
    let (mut there, mut missing) = (wanted.as_path(), Vec::new());
    while let Err(e) = there.metadata() {
        match (e.kind(), there.parent(), there.components().next_back()) {
            (io::ErrorKind::NotFound, Some(parent), Some(Component::Normal(name))) if make => {
                missing.push(name);
                there = parent;
            }
            (io::ErrorKind::NotFound, ..) if !make => {
                return Err(format!(
                    "the data directory {wanted:?} does not exist, and this open may not create it"
                ));
            }
            _ => {
                return Err(format!("the data directory {wanted:?} cannot be reached: {e}"));
            }
        }
    }
    let mut directory = Directory::open(there)?;
    while let Some(name) = missing.pop() {
        directory = directory.descend(name, make)?;
    }
    Ok(directory)
}

/// The directory and name of a path without a data directory; links are followed to their end.
fn anywhere(path: &Path) -> Checked<(Directory, OsString)> {
    let mut path = absolute(path).map_err(|e| format!("no current directory: {e}"))?;
    if path.is_symlink() {
        path = path.canonicalize().map_err(|e| {
            format!("it is a symbolic link that leads nowhere ({e}); repair or remove the link")
        })?;
        check_name(&path)?;
    }
    let (parent, name) = path.parent().zip(path.file_name()).ok_or("it is a directory")?;
    Ok((Directory::open(parent)?, name.to_owned()))
}

fn temporary(options: &Options) -> Checked<Location> {
    if options.read_only {
        return Err("a temporary database is empty, so it is of no use read_only".into());
    }
    let base = Directory::open(&std::env::temp_dir())
        .map_err(|e| format!("{e}; TMPDIR says where temporary files go"))?;
    let mut made = Err(io::ErrorKind::AlreadyExists.into());
    let mut name = OsString::new();
    for _ in 0..64 {
        // The process id keeps forked children, which share the random state, apart.
        name = format!("holdfast-{}-{:032x}", std::process::id(), fastrand::u128(..)).into();
        made = base.make(&name);
        if !matches!(&made, Err(e) if e.kind() == io::ErrorKind::AlreadyExists) {
            break;
        }
    }
    made.map_err(|e| format!("no directory can be made in {:?}: {e}", base.path))?;
    let directory = base.descend(&name, false)?;
    let options = Options { create: true, ..options.clone() };
    let found = settle(&directory, OsStr::new("memory.db"), &options);
    if found.is_err() {
        let _ = std::fs::remove_dir_all(&directory.path);
    }
    found.map(|location| Location { temporary: true, ..location })
}

/// Make the file where it is missing, and check what is there.
fn settle(directory: &Directory, name: &OsStr, options: &Options) -> Checked<Location> {
    let path = directory.path.join(name);
    let length = path.as_os_str().len();
    if length > MAX_PATH {
        return Err(format!(
            "the path from the root, {path:?}, has {length} bytes and SQLite takes {MAX_PATH}; \
             move the database to a directory nearer the root"
        ));
    }
    if options.pragmas.is_wal()
        && let Some(network) = is_network(&directory.path).map_err(|e| e.to_string())?
    {
        return Err(format!(
            "{:?} is on a network file system ({network}), where WAL mode loses data; use a \
             local disk, or pragmas={{\"journal_mode\": \"delete\"}}",
            directory.path
        ));
    }
    let turn = Turn::take();
    let mut found = directory.status(name);
    if may_create(options) && matches!(&found, Err(e) if e.kind() == io::ErrorKind::NotFound) {
        found = match directory.create(name) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                return Err(format!("it cannot be created in {:?}: {e}", directory.path));
            }
            _ => directory.status(name),
        };
    }
    drop(turn);
    let status = found.map_err(|e| match e.kind() {
        io::ErrorKind::NotFound if options.read_only => {
            "there is no such file, and read_only never makes one; check the path".to_owned()
        }
        io::ErrorKind::NotFound => {
            "there is no such file; check the path, or open it with create".to_owned()
        }
        _ => format!("it cannot be reached: {e}"),
    })?;
    check_kind(&status)?;
    check_access(directory, name, &status, options.read_only)?;
    Ok(Location { path, id: status.id, temporary: false })
}

fn check_kind(status: &Status) -> Checked<()> {
    let kind = match status.mode & libc::S_IFMT {
        kind if kind == libc::S_IFREG => {
            return match status.links {
                0 | 1 => Ok(()),
                links => Err(format!(
                    "the file has {links} names (hard links), and each would get a log of its \
                     own, which corrupts it; remove the other names, or copy the file"
                )),
            };
        }
        kind if kind == libc::S_IFLNK => {
            return Err("it is a symbolic link, which may lead anywhere; open the file that it \
                        points to by its own name"
                .into());
        }
        kind if kind == libc::S_IFDIR => "a directory; add the name of the file",
        kind if kind == libc::S_IFIFO => "a named pipe, not a file",
        kind if kind == libc::S_IFSOCK => "a socket, not a file",
        _ => "a device, not a file",
    };
    Err(format!("it is {kind}"))
}

fn check_access(dir: &Directory, name: &OsStr, status: &Status, read_only: bool) -> Checked<()> {
    let denied = |what: &str, e: io::Error| {
        // SAFETY: geteuid has no preconditions.
        let user = unsafe { libc::geteuid() };
        let (mode, owner) = (status.mode & 0o7777, status.owner);
        format!(
            "the file cannot be {what} by user {user}: {e} (its mode is {mode:04o}, its owner \
             {owner}); change its mode or owner"
        )
    };
    dir.access(name, libc::R_OK).map_err(|e| denied("read", e))?;
    if read_only {
        return Ok(());
    }
    dir.access(name, libc::W_OK).map_err(|e| denied("written", e) + ", or open it read_only")?;
    dir.access(OsStr::new("."), libc::W_OK | libc::X_OK).map_err(|e| {
        format!(
            "its directory {:?} cannot be written: {e}; SQLite keeps its log beside the file, so \
             change the directory's mode or owner, or open read_only",
            dir.path
        )
    })
}

/// One thread at a time makes a file: closing our descriptor would drop the locks of a connection
/// that another thread had opened on it meanwhile. Holds a process id, so that a child forked in
/// between is not shut out for good.
struct Turn;

static TURN: AtomicU32 = AtomicU32::new(0);

impl Turn {
    fn take() -> Turn {
        let me = std::process::id();
        loop {
            let holder = TURN.load(Ordering::Relaxed);
            let take = |seen| TURN.compare_exchange(seen, me, Ordering::Acquire, Ordering::Relaxed);
            if holder != me && take(holder).is_ok() {
                return Turn;
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TURN.store(0, Ordering::Release);
    }
}
