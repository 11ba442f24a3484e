//! Which processes hold SQLite's locks on a file, as `/proc/locks` tells it.
//!
//! Asking the file itself would mean opening and closing it, which drops our own locks.

use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The bytes of SQLite's locks in the `-shm` file.
const WAL_WRITE: u64 = 120;
const WAL_CHECKPOINT: u64 = 121;
/// The marks of readers; those of the first need none of the WAL, and the file as it is.
const WAL_READ: RangeInclusive<u64> = 123..=127;
/// The byte that a writer locks in the file itself, without a WAL.
const RESERVED: u64 = 0x4000_0001;

/// One lock of a process.
struct Lock {
    pid: u32,
    write: bool,
    bytes: RangeInclusive<u64>,
}

impl Lock {
    fn covers(&self, bytes: &RangeInclusive<u64>) -> bool {
        self.bytes.start() <= bytes.end() && bytes.start() <= self.bytes.end()
    }
}

/// The other process that writes.
pub(crate) fn writer_of(path: &Path) -> Option<u32> {
    let me = std::process::id();
    let find = || {
        [(shm(path), WAL_WRITE), (path.to_owned(), RESERVED)].iter().find_map(|(file, byte)| {
            let others =
                |lock: &&Lock| lock.write && lock.pid != me && lock.covers(&(*byte..=*byte));
            of(file).iter().find(others).map(|lock| lock.pid)
        })
    };
    // The table is read in pieces: a lock that goes meanwhile can hide another.
    (0..3).find_map(|_| find())
}

/// Whether this process reads from the WAL, and which others read from it, write to it or move its
/// pages.
pub(crate) fn users_of_wal(path: &Path) -> (bool, Vec<u32>) {
    let me = std::process::id();
    let locks = of(&shm(path));
    let reads = |lock: &Lock| lock.covers(&WAL_READ);
    let uses = |lock: &Lock| reads(lock) || lock.covers(&(WAL_WRITE..=WAL_CHECKPOINT));
    let others = locks.iter().filter(|lock| lock.pid != me && uses(lock));
    let mut others: Vec<u32> = others.map(|lock| lock.pid).collect();
    others.sort_unstable();
    others.dedup();
    (locks.iter().any(|lock| lock.pid == me && reads(lock)), others)
}

fn shm(path: &Path) -> PathBuf {
    let mut shm = path.as_os_str().to_owned();
    shm.push("-shm");
    shm.into()
}

fn of(file: &Path) -> Vec<Lock> {
    let Ok(inode) = std::fs::metadata(file).map(|file| file.ino()) else { return Vec::new() };
    let table = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    table.lines().filter_map(|line| parse(line, inode)).collect()
}

fn parse(line: &str, inode: u64) -> Option<Lock> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, "POSIX", _, kind, pid, file, start, end] = fields[..] else { return None };
    if file.rsplit(':').next()?.parse() != Ok(inode) {
        return None;
    }
    let end = if end == "EOF" { u64::MAX } else { end.parse().ok()? };
    Some(Lock { pid: pid.parse().ok()?, write: kind == "WRITE", bytes: start.parse().ok()?..=end })
}
