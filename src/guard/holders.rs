//! Who holds locks on a file, as the system tells it.
//!
//! Asking the file itself would mean opening and closing it, which drops locks of other libraries.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const WAL_WRITE_LOCK: u64 = 120;
const RESERVED_BYTE: u64 = 0x4000_0001;

/// The process that holds SQLite's write lock on a file.
pub(crate) fn lock_holder(path: &Path) -> Option<u32> {
    // The table is read in pieces: a lock that goes meanwhile can hide another.
    (0..3).find_map(|_| find_lock_holder(path))
}

fn find_lock_holder(path: &Path) -> Option<u32> {
    let table = std::fs::read_to_string("/proc/locks").ok()?;
    let mut shm = path.as_os_str().to_owned();
    shm.push("-shm");
    let files = [(shm.as_os_str(), WAL_WRITE_LOCK), (path.as_os_str(), RESERVED_BYTE)];
    files.iter().find_map(|(file, byte)| {
        let inode = inode(file)?;
        let lock = table.lines().filter_map(Lock::parse).find(|lock| {
            lock.covers(inode, *byte) && (!lock.is_posix() || lock.pid != std::process::id())
        })?;
        // A lock of this kind belongs to a descriptor; only its process lists it.
        if lock.is_posix() { Some(lock.pid) } else { owner_of(inode, *byte) }
    })
}

fn inode(file: &OsStr) -> Option<u64> {
    Some(std::fs::metadata(file).ok()?.ino())
}

/// The process one of whose descriptors carries a write lock.
fn owner_of(inode: u64, byte: u64) -> Option<u32> {
    let me = std::process::id();
    let pids = std::fs::read_dir("/proc").ok()?.flatten();
    pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|&pid: &u32| {
        let Ok(descriptors) = std::fs::read_dir(format!("/proc/{pid}/fdinfo")) else {
            return false;
        };
        pid != me
            && descriptors.flatten().any(|entry| {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let mut locks = text.lines().filter_map(|line| line.strip_prefix("lock:"));
                locks.any(|line| Lock::parse(line).is_some_and(|lock| lock.covers(inode, byte)))
            })
    })
}

/// The inodes that libraries of this process other than ours have locks on: ours have no pid.
pub(crate) fn locked_by_other_libraries() -> Vec<u64> {
    let table = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    let me = std::process::id();
    let locks = table.lines().filter_map(Lock::parse);
    locks.filter(|lock| lock.pid == me).map(|lock| lock.inode).collect()
}

/// A line of `/proc/locks`.
struct Lock<'a> {
    kind: &'a str,
    write: bool,
    pid: u32,
    inode: u64,
    start: u64,
    end: u64,
}

impl<'a> Lock<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, kind @ ("POSIX" | "OFDLCK"), _, mode, pid, file, start, end] = fields[..] else {
            return None;
        };
        Some(Lock {
            kind,
            write: mode == "WRITE",
            pid: pid.parse().unwrap_or(0),
            inode: file.rsplit(':').next()?.parse().ok()?,
            start: start.parse().ok()?,
            end: end.parse().unwrap_or(u64::MAX),
        })
    }

    fn is_posix(&self) -> bool {
        self.kind == "POSIX"
    }

    fn covers(&self, inode: u64, byte: u64) -> bool {
        self.write && self.inode == inode && (self.start..=self.end).contains(&byte)
    }
}
