//! Fork: what a child process must not share with its parent.
//!
//! SQLite keys its table of file locks by device and inode, and the child inherits that table: a
//! file opened in the child would believe in locks that only the parent holds. So the child sees
//! every device number salted, which gives its files entries of their own, and it never touches a
//! connection of an earlier generation.

mod gate;
mod names;
#[cfg(target_os = "linux")]
mod ofd;

use std::cell::Cell;
use std::ffi::c_int;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use rusqlite::ffi;

use crate::location::FileId;
use crate::pool;

pub(crate) use gate::pass;
pub(crate) use names::Names;

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// How many forks lie between this process and the first that opened a database.
pub(crate) fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// A value that each process makes for itself; a forked child leaves its parent's alone.
pub(crate) struct PerProcess<T: 'static>(AtomicPtr<(u32, T)>);

impl<T: Send + Sync> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        PerProcess(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The value, if this process has made it.
    pub(crate) fn made(&self) -> Option<&'static T> {
        // SAFETY: a published pointer is never freed.
        let (of, value) = unsafe { self.0.load(Ordering::Acquire).as_ref() }?;
        (*of == generation()).then_some(value)
    }

    pub(crate) fn get(&self, make: impl FnOnce() -> T) -> &'static T {
        let seen = self.0.load(Ordering::Acquire);
        if let Some(value) = self.made() {
            return value;
        }
        let made = Box::into_raw(Box::new((generation(), make())));
        match self.0.compare_exchange(seen, made, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: published now, and never freed.
            Ok(_) => unsafe { &(*made).1 },
            Err(winner) => {
                // SAFETY: `made` was not published; `winner` was, in this process.
                unsafe {
                    drop(Box::from_raw(made));
                    &(*winner).1
                }
            }
        }
    }
}

/// Watch for forks from now on. Called before the first open.
pub(crate) fn watch_forks() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handlers are plain functions that live as long as the program.
        unsafe {
            ffi::sqlite3_initialize();
            #[cfg(target_os = "linux")]
            ofd::install();
            libc::pthread_atfork(
                Some(before_fork),
                Some(after_fork_parent),
                Some(after_fork_child),
            );
        }
    });
}

/// Tell when another SQLite of this process has a file open that was just opened.
pub(crate) fn warn_of_another(path: &Path, file: FileId) {
    #[cfg(target_os = "linux")]
    if ofd::has_another(file) {
        log::warn!(
            target: "holdfast::guard",
            "another SQLite of this process (Python's sqlite3, apsw or the like) has {path:?} open; \
             a plain open() of the file can make it lose its locks: use one library for one file"
        );
    }
}

/// The global mutexes of SQLite that opening or closing a file takes, in the order it takes them.
/// Held across the fork, they cannot be caught in the middle by it.
///
/// The last two are taken by builds that count memory, as a crate that depends on this one may have.
const STATIC_MUTEXES: [c_int; 6] = [
    ffi::SQLITE_MUTEX_STATIC_MAIN,
    ffi::SQLITE_MUTEX_STATIC_VFS1,
    ffi::SQLITE_MUTEX_STATIC_PRNG,
    ffi::SQLITE_MUTEX_STATIC_LRU,
    ffi::SQLITE_MUTEX_STATIC_PMEM,
    ffi::SQLITE_MUTEX_STATIC_MEM,
];

extern "C" fn before_fork() {
    // First: who is inside may be opening a file.
    gate::close(pool::give_to_opener);
    for id in STATIC_MUTEXES {
        // SAFETY: static mutexes always exist; `sqlite3_initialize` has run.
        unsafe { ffi::sqlite3_mutex_enter(ffi::sqlite3_mutex_alloc(id)) };
    }
    #[cfg(target_os = "linux")]
    ofd::hold();
}

extern "C" fn after_fork_parent() {
    #[cfg(target_os = "linux")]
    ofd::let_go();
    for id in STATIC_MUTEXES.iter().rev() {
        // SAFETY: entered by this thread in `before_fork`.
        unsafe { ffi::sqlite3_mutex_leave(ffi::sqlite3_mutex_alloc(*id)) };
    }
    gate::open();
}

extern "C" fn after_fork_child() {
    #[cfg(target_os = "linux")]
    ofd::abandon();
    after_fork_parent();
    gate::reset();
    GENERATION.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the default VFS is the unix one; it copies the pointers, which are functions.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
        if let Some(set) = vfs.as_ref().and_then(|v| v.xSetSystemCall) {
            set(vfs, c"fstat".as_ptr(), as_syscall(salted_fstat as *const ()));
            set(vfs, c"stat".as_ptr(), as_syscall(salted_stat as *const ()));
        }
    }
}

unsafe fn as_syscall(function: *const ()) -> ffi::sqlite3_syscall_ptr {
    // SAFETY: SQLite calls the pointer with the signature of the system call it replaces.
    unsafe { std::mem::transmute::<*const (), ffi::sqlite3_syscall_ptr>(function) }
}

fn salt() -> libc::dev_t {
    libc::dev_t::from(generation()) << 40
}

unsafe extern "C" fn salted_fstat(fd: c_int, stat: *mut libc::stat) -> c_int {
    // SAFETY: called by SQLite with the arguments of `fstat`.
    unsafe {
        let rc = libc::fstat(fd, stat);
        (*stat).st_dev ^= salt();
        rc
    }
}

unsafe extern "C" fn salted_stat(path: *const libc::c_char, stat: *mut libc::stat) -> c_int {
    // SAFETY: called by SQLite with the arguments of `stat`.
    unsafe {
        let rc = libc::stat(path, stat);
        (*stat).st_dev ^= salt();
        rc
    }
}

/// The operating system's id of this thread, remembered so that asking is cheap.
pub fn thread_id() -> u64 {
    thread_local!(static ID: Cell<(u32, u64)> = const { Cell::new((u32::MAX, 0)) });
    ID.with(|cell| {
        let (generation_then, id) = cell.get();
        let now = generation();
        if generation_then == now {
            return id;
        }
        // SAFETY: no arguments, no failure.
        let id = unsafe { libc::gettid() } as u64;
        cell.set((now, id));
        id
    })
}

/// Whether this is the thread that the process began with, the one that handles its signals.
pub fn is_main_thread() -> bool {
    // SAFETY: no arguments, no failure.
    thread_id() == unsafe { libc::getpid() } as u64
}
