//! Which processes hold SQLite's locks on a file, as `/proc/locks` tells it.
//!
//! Asking the file itself would mean opening and closing it, which drops other libraries' locks.

use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::guard::PerProcess;

/// The bytes of SQLite's locks in the `-shm` file.
const WAL_WRITE: u64 = 120;
const WAL_CHECKPOINT: u64 = 121;
/// The marks of readers; those of the first need none of the WAL, and the file as it is.
const WAL_READ: RangeInclusive<u64> = 123..=127;
/// The byte that a writer locks in the file itself, without a WAL.
const RESERVED: u64 = 0x4000_0001;

/// How many times as long as looking at all processes took, it is not done again.
const REST: u32 = 20;

/// In the place of a process, where the table names none.
const UNNAMED: u32 = 0;

/// One lock of a process.
#[derive(Clone)]
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

/// The inodes that another library of this process has locked: our own locks have no pid.
pub(crate) fn of_other_libraries() -> Vec<u64> {
    let me = std::process::id();
    let table = table();
    let locks = table.lines().filter_map(parse);
    locks.filter(|(_, lock)| lock.pid == me).map(|(inode, _)| inode).collect()
}

fn table() -> String {
    std::fs::read_to_string("/proc/locks").unwrap_or_default()
}

fn of(file: &Path) -> Vec<Lock> {
    let Ok(inode) = std::fs::metadata(file).map(|file| file.ino()) else { return Vec::new() };
    let table = table();
    let on_file = |(on, lock)| (on == inode).then_some(lock);
    let (mut locks, unnamed): (Vec<_>, Vec<_>) =
        table.lines().filter_map(parse).filter_map(on_file).partition(|lock| lock.pid != UNNAMED);
    if !unnamed.is_empty() {
        locks.extend(of_descriptors(inode, unnamed.len()));
    }
    locks
}

/// Where locks were found, and when all processes were last looked at, which took how long.
#[derive(Default)]
struct Found {
    pids: Vec<u32>,
    all: Option<(Instant, Duration)>,
}

/// Locks that belong to a descriptor, as a copy of this library takes them: only its process lists
/// them.
///
/// Looking at all processes may take a while, so that is done for a part of the time only.
fn of_descriptors(inode: u64, wanted: usize) -> Vec<Lock> {
    static FOUND: PerProcess<Mutex<Found>> = PerProcess::new();
    let mut found = FOUND.get(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let mut known = found.pids.clone();
    known.push(std::process::id());
    let mut locks: Vec<Lock> = known.iter().flat_map(|&pid| of_process(pid, inode)).collect();
    let rested = |(at, took): (Instant, Duration)| at.elapsed() >= took * REST;
    if locks.len() < wanted && found.all.is_none_or(rested) {
        let begun = Instant::now();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let others = pids.filter(|pid| !known.contains(pid));
        let new: Vec<Lock> = others.flat_map(|pid| of_process(pid, inode)).collect();
        found.pids.retain(|pid| Path::new(&format!("/proc/{pid}")).exists());
        found.pids.extend(new.iter().map(|lock| lock.pid));
        found.pids.dedup();
        found.all = Some((Instant::now(), begun.elapsed()));
        locks.extend(new);
    }
    locks
}

fn of_process(pid: u32, inode: u64) -> Vec<Lock> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).into_iter().flatten();
    let texts = descriptors.flatten().filter_map(|file| std::fs::read_to_string(file.path()).ok());
    texts.flat_map(|text| in_text(&text, inode, pid)).collect()
}

fn in_text(text: &str, inode: u64, pid: u32) -> Vec<Lock> {
    let lines = text.lines().filter_map(|line| parse(line.strip_prefix("lock:")?));
    let mine = lines.filter(|(on, lock)| *on == inode && lock.pid == UNNAMED);
    mine.map(|(_, lock)| Lock { pid, ..lock }).collect()
}

/// A line of `/proc/locks`: the inode and the lock.
fn parse(line: &str) -> Option<(u64, Lock)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, kind @ ("POSIX" | "OFDLCK"), _, mode, pid, file, start, end] = fields[..] else {
        return None;
    };
    let end = if end == "EOF" { u64::MAX } else { end.parse().ok()? };
    let pid = if kind == "POSIX" { pid.parse().ok()? } else { UNNAMED };
    let lock = Lock { pid, write: mode == "WRITE", bytes: start.parse().ok()?..=end };
    Some((file.rsplit(':').next()?.parse().ok()?, lock))
}
