//! SQLite's locks, owned by this library's SQLite alone instead of by the whole process.
//!
//! A POSIX lock belongs to the process and its file: whoever in the process closes any descriptor of
//! the file, drops it, and a second SQLite in the process never meets it. So the calls by which
//! SQLite opens, locks and closes are replaced by ones that take locks of the open file description
//! kind. All descriptors of a file lock through one private descriptor, its owner. That is what
//! SQLite expects of a process: its own connections never conflict here.

use std::cell::UnsafeCell;
use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_int, c_void};
use std::path::Path;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use super::as_syscall;
use crate::location::{FileId, is_network};
use crate::locks;

/// Descriptors below this are looked up without a lock.
const QUICK: usize = 1 << 14;

/// Descriptors below this are those of the standard streams.
const STREAMS: c_int = 3;

/// What a descriptor is to us; an owner's descriptor is kept as a positive number, or as a negative
/// one where SQLite may only read.
const UNKNOWN: i32 = 0;
const FRESH: i32 = i32::MIN;
/// The file system knows no locks of this kind: SQLite's own calls serve.
const PLAIN: i32 = i32::MIN + 1;

static STATES: [AtomicI32; QUICK] = [const { AtomicI32::new(UNKNOWN) }; QUICK];
static TABLE: Mutex<Table> = Mutex::new(Table { files: BTreeMap::new(), large: BTreeMap::new() });

struct Table {
    files: BTreeMap<(u64, u64), Owner>,
    /// The states of descriptors from [`QUICK`] on.
    large: BTreeMap<c_int, i32>,
}

/// How many descriptors are kept open for another library's sake.
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// The descriptor through which a file is locked.
struct Owner {
    descriptor: Option<c_int>,
    /// How many descriptors of SQLite lock through it.
    users: usize,
    /// Closed by SQLite, but kept: closing them would drop another library's locks.
    kept: Vec<c_int>,
}

fn table() -> MutexGuard<'static, Table> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn quick(descriptor: c_int) -> Option<&'static AtomicI32> {
    STATES.get(usize::try_from(descriptor).ok()?)
}

fn state(descriptor: c_int) -> i32 {
    match quick(descriptor) {
        Some(state) => state.load(Ordering::Acquire),
        None => table().large.get(&descriptor).copied().unwrap_or(UNKNOWN),
    }
}

impl Table {
    fn set(&mut self, descriptor: c_int, state: i32) {
        match quick(descriptor) {
            Some(quick) => quick.store(state, Ordering::Release),
            None if state == UNKNOWN => drop(self.large.remove(&descriptor)),
            None => drop(self.large.insert(descriptor, state)),
        }
    }

    /// Give a descriptor its file's owner.
    fn adopt(&mut self, descriptor: c_int) -> i32 {
        let Some(file) = file_of(descriptor) else { return PLAIN };
        // Somebody may have closed all descriptors there were, and the numbers are others' now.
        self.files
            .retain(|of, owner| *of != file || owner.descriptor.is_none_or(|o| is_of(o, file)));
        let owner = self.files.entry(file).or_insert_with(|| Owner {
            descriptor: open_owner(descriptor),
            users: 0,
            kept: Vec::new(),
        });
        owner.users += 1;
        // SAFETY: the descriptor is open.
        let mode = unsafe { libc::fcntl(descriptor, libc::F_GETFL) } & libc::O_ACCMODE;
        let state = match owner.descriptor {
            None => PLAIN,
            Some(owner) if mode == libc::O_RDONLY => -owner,
            Some(owner) => owner,
        };
        self.set(descriptor, state);
        state
    }

    /// Close a descriptor, its file's owner with the last one; `true` when it was closed.
    fn release(&mut self, descriptor: c_int, used: bool) -> bool {
        self.set(descriptor, UNKNOWN);
        let Some(file) = file_of(descriptor) else { return false };
        let Some(owner) = self.files.get_mut(&file) else { return false };
        owner.users = owner.users.saturating_sub(usize::from(used));
        let Some(lock) = owner.descriptor else {
            if owner.users == 0 {
                self.files.remove(&file);
            }
            return false;
        };
        owner.kept.push(descriptor);
        if owner.users == 0 {
            // A child that is between fork and exec may hold the description a little longer.
            let mut all = range(libc::F_UNLCK, 0, 0);
            // SAFETY: the descriptor is open, the structure is one of ours.
            unsafe { libc::fcntl(lock, libc::F_OFD_SETLK, &raw mut all) };
        }
        self.sweep();
        true
    }

    /// Close what SQLite has closed, unless another library would lose its locks by it.
    fn sweep(&mut self) {
        let locked = locks::of_other_libraries();
        self.files.retain(|file, owner| {
            if owner.descriptor.is_none() || locked.contains(&file.1) {
                return true;
            }
            let unused = owner.descriptor.filter(|_| owner.users == 0);
            let ours = owner.kept.drain(..).chain(unused).filter(|&kept| is_of(kept, *file));
            for descriptor in ours {
                // SAFETY: it is ours, and nobody else knows of it.
                unsafe { libc::close(descriptor) };
            }
            unused.is_none()
        });
        KEPT.store(self.files.values().map(|owner| owner.kept.len()).sum(), Ordering::Relaxed);
    }

    /// A descriptor that was kept, for who opens the same file again: there are never more of them
    /// than were once in use.
    fn reuse(&mut self, path: *const c_char, flags: c_int) -> Option<c_int> {
        // SAFETY: the path is SQLite's own; all zero is a valid structure, which the call fills.
        let file = unsafe {
            let mut stat: libc::stat = std::mem::zeroed();
            (libc::lstat(path, &raw mut stat) == 0).then_some((stat.st_dev, stat.st_ino))?
        };
        let kept = &mut self.files.get_mut(&file)?.kept;
        // SAFETY: the call needs no memory.
        let mode = |kept| unsafe { libc::fcntl(kept, libc::F_GETFL) } & libc::O_ACCMODE;
        let fits = |kept| is_of(kept, file) && mode(kept) == flags & libc::O_ACCMODE;
        let place = kept.iter().position(|&kept| fits(kept))?;
        let descriptor = kept.swap_remove(place);
        KEPT.fetch_sub(1, Ordering::Relaxed);
        Some(descriptor)
    }
}

fn file_of(descriptor: c_int) -> Option<(u64, u64)> {
    // SAFETY: all zero is a valid structure, which the call fills.
    unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        (libc::fstat(descriptor, &raw mut stat) == 0).then_some((stat.st_dev, stat.st_ino))
    }
}

fn is_of(descriptor: c_int, file: (u64, u64)) -> bool {
    file_of(descriptor) == Some(file)
}

/// Open a file a second time, to lock through; `None` where that or such locks are not to be had.
fn open_owner(descriptor: c_int) -> Option<c_int> {
    let name = format!("/proc/self/fd/{descriptor}");
    // What a server makes of such locks is for each to say; there we change nothing.
    if !matches!(is_network(Path::new(&name)), Ok(None)) {
        return None;
    }
    let name = CString::new(name).ok()?;
    // SAFETY: the name lives through the call.
    let reopen = |mode| unsafe { libc::open(name.as_ptr(), mode | libc::O_CLOEXEC) };
    let opened = [libc::O_RDWR, libc::O_RDONLY].into_iter().map(reopen).find(|&fd| fd >= 0)?;
    // Never in the place of a standard stream that is closed: somebody may print to it.
    // SAFETY: the descriptor is open.
    let owner = unsafe { libc::fcntl(opened, libc::F_DUPFD_CLOEXEC, STREAMS) };
    let mut probe = range(libc::F_RDLCK, 0, 1);
    // SAFETY: the descriptors are open, the structure is one of ours; nothing is locked yet.
    unsafe {
        libc::close(opened);
        if libc::fcntl(owner, libc::F_OFD_GETLK, &raw mut probe) == 0 {
            return Some(owner);
        }
        libc::close(owner);
    }
    None
}

fn range(kind: c_int, start: libc::off_t, length: libc::off_t) -> libc::flock {
    // SAFETY: all zero is a valid structure.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    (lock.l_type, lock.l_start, lock.l_len) = (kind as libc::c_short, start, length);
    lock
}

/// Replace SQLite's calls. Before the first file is opened.
pub(super) fn install() {
    // SAFETY: the default VFS is the unix one; it copies the pointers, which are functions.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
        if let Some(set) = vfs.as_ref().and_then(|v| v.xSetSystemCall) {
            set(vfs, c"open".as_ptr(), as_syscall(open as *const ()));
            set(vfs, c"fcntl".as_ptr(), as_syscall(fcntl as *const ()));
            set(vfs, c"close".as_ptr(), as_syscall(close as *const ()));
        }
    }
}

unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: c_int) -> c_int {
    let kept = (KEPT.load(Ordering::Relaxed) > 0 && flags & libc::O_EXCL == 0)
        .then(|| table().reuse(path, flags))
        .flatten();
    // SAFETY: called by SQLite with the arguments of `open`.
    let descriptor = kept.unwrap_or_else(|| unsafe { libc::open(path, flags, mode) });
    match quick(descriptor) {
        Some(state) => state.store(FRESH, Ordering::Release),
        None if descriptor >= 0 => table().set(descriptor, FRESH),
        None => {}
    }
    descriptor
}

unsafe extern "C" fn fcntl(descriptor: c_int, command: c_int, argument: *mut c_void) -> c_int {
    let guarded = match command {
        libc::F_SETLK => libc::F_OFD_SETLK,
        libc::F_SETLKW => libc::F_OFD_SETLKW,
        libc::F_GETLK => libc::F_OFD_GETLK,
        // SAFETY: called by SQLite with the arguments of `fcntl`.
        _ => return unsafe { libc::fcntl(descriptor, command, argument) },
    };
    let mut state = state(descriptor);
    if state == FRESH {
        state = table().adopt(descriptor);
    }
    if matches!(state, UNKNOWN | PLAIN) {
        // SAFETY: as above.
        return unsafe { libc::fcntl(descriptor, command, argument) };
    }
    // SAFETY: these commands come with a lock.
    let asked = unsafe { &mut *argument.cast::<libc::flock>() };
    if state < 0 && guarded != libc::F_OFD_GETLK && asked.l_type == libc::F_WRLCK as libc::c_short {
        // SAFETY: this thread's own errno.
        unsafe { *libc::__errno_location() = libc::EBADF };
        return -1;
    }
    // The kernel insists on it for this kind, and SQLite leaves it as it happens to be.
    asked.l_pid = 0;
    // SAFETY: the owner stays open as long as a descriptor locks through it.
    unsafe { libc::fcntl(state.abs(), guarded, &raw mut *asked) }
}

unsafe extern "C" fn close(descriptor: c_int) -> c_int {
    let state = state(descriptor);
    let released = state != UNKNOWN && table().release(descriptor, state != FRESH);
    if released {
        return 0;
    }
    // SAFETY: called by SQLite with the argument of `close`.
    unsafe { libc::close(descriptor) }
}

/// Whether another library of this process has locked a file that we lock in our way.
pub(crate) fn has_another(file: FileId) -> bool {
    let ours =
        table().files.get(&(file.device, file.inode)).is_some_and(|o| o.descriptor.is_some());
    ours && locks::of_other_libraries().contains(&file.inode)
}

/// The table while the process forks; the thread that forks is the only one that touches it.
struct Held(UnsafeCell<Option<MutexGuard<'static, Table>>>);

// SAFETY: set and taken with the table locked.
unsafe impl Sync for Held {}

static HELD: Held = Held(UnsafeCell::new(None));

/// Keep other threads out until the fork is over.
pub(super) fn hold() {
    let table = table();
    // SAFETY: the table is locked.
    unsafe { *HELD.0.get() = Some(table) };
}

/// The fork is over, in the parent.
pub(super) fn let_go() {
    // SAFETY: this thread has the table locked since `hold`.
    drop(unsafe { (*HELD.0.get()).take() });
}

/// In the child: let go of the parent's locks. Its descriptors are never used here.
pub(super) fn abandon() {
    // SAFETY: as in `let_go`.
    if let Some(mut table) = unsafe { (*HELD.0.get()).take() } {
        for lock in table.files.values().filter_map(|owner| owner.descriptor) {
            // SAFETY: nobody else knows of this descriptor; the child has no locks to lose.
            unsafe { libc::close(lock) };
        }
        table.files.clear();
        table.large.clear();
        for state in STATES.iter().filter(|state| state.load(Ordering::Relaxed) != UNKNOWN) {
            state.store(UNKNOWN, Ordering::Relaxed);
        }
    }
}
