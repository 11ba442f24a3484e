//! What SQLite calls back into while a statement runs: budget, deadline, busy wait, authorizer.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::time::{Duration, Instant};

use rusqlite::ffi;

use crate::error::{Error, Result};
use crate::patience::{POLL, Patience};

/// Steps of SQLite's virtual machine between two looks at the clock.
const STEPS: c_int = 1000;
/// A statement that runs longer than this makes its caller let go of what it holds.
pub(crate) const BUDGET: Duration = Duration::from_millis(1);
/// How often SQLite's lock is tried while another process holds it, plus or minus half by chance.
const BUSY_INTERVAL: Duration = Duration::from_micros(100);
/// The same for whoever has waited longer than processes that take turns have to.
const PATIENT_INTERVAL: Duration = Duration::from_millis(1);
const PATIENT: Duration = Duration::from_millis(30);
/// How long this process writes on while others wait for their turn, and how long it pauses then;
/// the system makes that 60 us or more.
const MY_TURN: Duration = Duration::from_micros(500);
const THEIR_TURN: Duration = Duration::from_micros(10);
/// Other processes are taken to wait until this long after this one had to.
const RIVALS_SEEN: Duration = Duration::from_millis(100);

/// What a connection may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Opened read-only, in the pool.
    Reader,
    /// The writing connection of the lane.
    Writer,
}

/// Why a statement was ended from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Deadline,
    Caller,
}

/// The state that the callbacks of one connection share with it; its address never changes.
pub(crate) struct Watch {
    role: Role,
    patience: Cell<Option<*const Patience<'static>>>,
    begun: Cell<Option<Instant>>,
    polled: Cell<Option<Instant>>,
    busy_since: Cell<Option<Instant>>,
    busy_limit: Duration,
    /// When other processes were last seen to write, and when the present turn began.
    rivals: Cell<Option<(Instant, Instant)>>,
    /// A callback runs: SQLite must not be entered again on this connection.
    inside: Cell<bool>,
    pub(crate) ending: Cell<Option<Ending>>,
    /// The engine's own statements may do what a user's may not.
    pub(crate) internal: Cell<bool>,
    pub(crate) denial: RefCell<Option<String>>,
}

impl Watch {
    pub(crate) fn new(role: Role, busy_limit: Duration) -> Box<Self> {
        Box::new(Watch {
            role,
            patience: Cell::new(None),
            begun: Cell::new(None),
            polled: Cell::new(None),
            busy_since: Cell::new(None),
            busy_limit,
            rivals: Cell::new(None),
            inside: Cell::new(false),
            ending: Cell::new(None),
            internal: Cell::new(false),
            denial: RefCell::new(None),
        })
    }

    /// Install the callbacks.
    ///
    /// # Safety
    /// `self` must outlive the connection and stay where it is.
    pub(crate) unsafe fn install(&self, db: *mut ffi::sqlite3) {
        let this = std::ptr::from_ref(self).cast_mut().cast::<c_void>();
        // SAFETY: `db` is open, the callbacks match their types, `this` outlives `db`.
        unsafe {
            ffi::sqlite3_busy_handler(db, Some(on_busy), this);
            ffi::sqlite3_progress_handler(db, STEPS, Some(on_progress), this);
            ffi::sqlite3_set_authorizer(db, Some(on_authorize), this);
        }
    }

    /// Run under this patience until the guard is dropped.
    pub(crate) fn attend<'a>(&'a self, patience: &'a Patience<'a>) -> Attention<'a> {
        let erased = std::ptr::from_ref(patience).cast::<Patience<'static>>();
        self.ending.set(None);
        Attention { watch: self, before: self.patience.replace(Some(erased)) }
    }

    /// A new statement or step: its budget starts now.
    ///
    /// # Errors
    /// [`Error::Misuse`] inside a callback of this connection, as a signal handler may be.
    #[inline]
    pub(crate) fn begin(&self) -> Result<()> {
        if self.inside.get() {
            return Err(Error::Misuse(
                "the connection is in the middle of a statement; a signal handler cannot use the \
                 transaction that it interrupted"
                    .into(),
            ));
        }
        self.begun.set(None);
        self.busy_since.set(None);
        Ok(())
    }

    /// Before a write: let other processes that wait have their turn.
    ///
    /// Nobody is told when SQLite's lock is free, so that a process which writes without a pause
    /// keeps the others out for as long as chance has it.
    #[inline]
    pub(crate) fn give_way(&self, patience: &Patience<'_>) {
        if let Some((seen, begun)) = self.rivals.get() {
            self.take_turns(patience, seen, begun);
        }
    }

    #[cold]
    fn take_turns(&self, patience: &Patience<'_>, seen: Instant, begun: Instant) {
        let now = Instant::now();
        if now.duration_since(seen) > RIVALS_SEEN {
            self.rivals.set(None);
        } else if now.duration_since(begun) >= MY_TURN && patience.caller().may_wait() {
            patience.caller().release();
            std::thread::sleep(THEIR_TURN);
            self.rivals.set(Some((seen, Instant::now())));
        }
    }

    /// How long the lock of another process has been waited for; `None` when nothing was.
    pub(crate) fn waited(&self) -> Option<Duration> {
        self.busy_since.get().map(|since| since.elapsed())
    }

    /// Whether the caller ended what ran.
    pub(crate) fn was_cancelled(&self) -> bool {
        self.ending.get() == Some(Ending::Caller)
    }

    /// The timeout of the present caller.
    pub(crate) fn limit(&self) -> Duration {
        self.patience().and_then(Patience::limit).unwrap_or_default()
    }

    /// How long the step that just ended ran; nothing for the first [`STEPS`].
    #[inline]
    pub(crate) fn ran(&self) -> Duration {
        self.begun.get().map_or(Duration::ZERO, |begun| begun.elapsed())
    }

    fn patience(&self) -> Option<&Patience<'static>> {
        // SAFETY: `Attention` clears the pointer before what it points to ends.
        self.patience.get().map(|p| unsafe { &*p })
    }

    fn end(&self, ending: Ending) -> bool {
        self.ending.set(Some(ending));
        true
    }

    /// Whether the caller or its deadline wants this to stop.
    fn is_over(&self, patience: &Patience<'_>, now: Instant) -> bool {
        if patience.deadline().is_some_and(|deadline| now >= deadline) {
            return self.end(Ending::Deadline);
        }
        if patience.caller().is_cancelled() {
            return self.end(Ending::Caller);
        }
        if self.polled.get().is_none_or(|polled| now.duration_since(polled) >= POLL) {
            self.polled.set(Some(now));
            self.inside.set(true);
            let proceed = patience.caller().proceed();
            self.inside.set(false);
            if !proceed {
                return self.end(Ending::Caller);
            }
        }
        false
    }

    fn progress(&self) -> bool {
        let Some(patience) = self.patience() else { return false };
        let now = Instant::now();
        let Some(begun) = self.begun.get() else {
            self.begun.set(Some(now));
            self.polled.set(Some(now));
            return patience.deadline().is_some_and(|d| now >= d) && self.end(Ending::Deadline);
        };
        if now.duration_since(begun) >= BUDGET {
            if !patience.caller().may_wait() {
                return self.end(Ending::Caller);
            }
            patience.caller().release();
        }
        self.is_over(patience, now)
    }

    /// Whether to try SQLite's lock again, after a pause.
    fn busy(&self, tries: c_int) -> bool {
        let now = Instant::now();
        if tries == 0 {
            self.busy_since.set(Some(now));
            self.polled.set(Some(now));
        }
        let patience = self.patience();
        // A caller's own deadline replaces the limit of the database.
        let limit = match patience.and_then(Patience::deadline) {
            Some(_) => Duration::MAX,
            None => self.busy_limit,
        };
        if self.busy_since.get().is_none_or(|s| now.duration_since(s) >= limit) {
            return false;
        }
        if let Some(patience) = patience {
            if !patience.caller().may_wait() {
                return false;
            }
            patience.caller().release();
            if self.is_over(patience, now) {
                return false;
            }
        }
        let since = self.busy_since.get();
        let patient = since.is_some_and(|since| now.duration_since(since) >= PATIENT);
        let interval = if patient { PATIENT_INTERVAL } else { BUSY_INTERVAL };
        std::thread::sleep(interval.mul_f32(0.5 + fastrand::f32()));
        let now = Instant::now();
        self.rivals.set(Some((now, now)));
        true
    }

    fn authorize(&self, action: c_int, first: Option<&CStr>, second: Option<&CStr>) -> bool {
        if self.internal.get() {
            return true;
        }
        let first = first.map(CStr::to_string_lossy).unwrap_or_default();
        let problem = match action {
            ffi::SQLITE_TRANSACTION | ffi::SQLITE_SAVEPOINT => Some(
                "transactions are begun and ended by `with db.transaction()`, nested ones by `with \
                 tx.transaction()`; BEGIN, COMMIT, ROLLBACK and SAVEPOINT are not run as statements"
                    .to_owned(),
            ),
            ffi::SQLITE_ATTACH if first.is_empty() => {
                Some("VACUUM is run by db.vacuum(full=True)".to_owned())
            }
            ffi::SQLITE_ATTACH | ffi::SQLITE_DETACH => Some(
                "ATTACH and DETACH would change one connection of many; open the other file by \
                 itself"
                    .to_owned(),
            ),
            ffi::SQLITE_CREATE_TEMP_TABLE
            | ffi::SQLITE_CREATE_TEMP_VIEW
            | ffi::SQLITE_CREATE_TEMP_INDEX
            | ffi::SQLITE_CREATE_TEMP_TRIGGER => Some(
                "what is TEMP would exist on one connection of many, and outlive the transaction \
                 there; use WITH ... AS, or a table that the same transaction drops"
                    .to_owned(),
            ),
            ffi::SQLITE_PRAGMA => {
                refuse_pragma(self.role, &first.to_ascii_lowercase(), second.is_some())
            },
            _ => None,
        };
        let allowed = problem.is_none();
        if let Some(problem) = problem {
            *self.denial.borrow_mut() = Some(problem);
        }
        allowed
    }
}

/// Why a user's statement may not run this pragma on a connection of this role.
pub(crate) fn refuse_pragma(role: Role, name: &str, has_value: bool) -> Option<String> {
    const ASK: &[&str] = &[
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "foreign_key_list",
        "foreign_key_check",
        "integrity_check",
        "quick_check",
    ];
    const WRITE: &[&str] = &["application_id", "defer_foreign_keys", "optimize", "analysis_limit"];
    const ACT: &[&str] = &["incremental_vacuum", "wal_checkpoint", "optimize", "shrink_memory"];
    let writes = role == Role::Writer;
    match (name, has_value) {
        _ if ASK.contains(&name) => None,
        _ if writes && WRITE.contains(&name) => None,
        ("incremental_vacuum", _) => Some("free pages are given back by db.vacuum()".into()),
        ("wal_checkpoint", _) => {
            Some("checkpoints run in the background, and by db.checkpoint()".into())
        }
        ("user_version", true) => {
            Some("user_version belongs to the migrations: add a step instead".into())
        }
        (_, false) if !ACT.contains(&name) => None,
        _ => Some(format!(
            "PRAGMA {name} would change one connection of many; pass \
             pragmas={{\"{name}\": ...}} to open() instead"
        )),
    }
}

/// While it lives, the callbacks act for a caller.
pub(crate) struct Attention<'a> {
    watch: &'a Watch,
    before: Option<*const Patience<'static>>,
}

impl Drop for Attention<'_> {
    fn drop(&mut self) {
        self.watch.patience.set(self.before);
    }
}

unsafe fn watch<'a>(this: *mut c_void) -> &'a Watch {
    // SAFETY: installed with the address of a `Watch` that outlives the connection.
    unsafe { &*this.cast::<Watch>() }
}

unsafe extern "C" fn on_progress(this: *mut c_void) -> c_int {
    // SAFETY: see `watch`.
    c_int::from(unsafe { watch(this) }.progress())
}

unsafe extern "C" fn on_busy(this: *mut c_void, tries: c_int) -> c_int {
    // SAFETY: see `watch`.
    c_int::from(unsafe { watch(this) }.busy(tries))
}

unsafe extern "C" fn on_authorize(
    this: *mut c_void,
    action: c_int,
    first: *const c_char,
    second: *const c_char,
    _database: *const c_char,
    _trigger: *const c_char,
) -> c_int {
    // SAFETY: SQLite passes NULL or a string that lives through the call; see `watch`.
    let (this, first, second) = unsafe {
        let text = |p: *const c_char| (!p.is_null()).then(|| CStr::from_ptr(p));
        (watch(this), text(first), text(second))
    };
    if this.authorize(action, first, second) { ffi::SQLITE_OK } else { ffi::SQLITE_DENY }
}
