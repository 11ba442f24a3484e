//! Group commit: one-shot writes that wait for the lane together share one commit.
//!
//! Whoever gets the lane leads: it takes the writes that wait behind its own, runs each inside one
//! transaction, and hands out the results after the commit. Where one write could be seen in
//! another's result, everything is rolled back, and each runs again alone.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::ffi;

use crate::connection::Connection;
use crate::engine::Engine;
use crate::error::{Busy, Error, Result};
use crate::patience::{Caller, Patience, Plain};
use crate::worker::{self, Priority};
use crate::writer::{Lane, Ticket, Writer};

mod database;
mod work;

pub use database::PendingWrite;
pub(crate) use work::{Job, Work};

/// How many writes share a commit at most.
const MOST: usize = 256;
/// How long a group is open for those who come, so that others on the lane have their turn.
const OPEN: Duration = Duration::from_millis(4);

/// A write that is led, and what became of it.
struct Member {
    ticket: Arc<Ticket>,
    work: Box<dyn Work>,
    outcome: Option<Result<()>>,
    panicked: bool,
}

impl Member {
    /// `None` when its caller has given it up.
    fn of(ticket: Arc<Ticket>) -> Option<Self> {
        let work = ticket.job.as_ref()?.take()?;
        Some(Member { ticket, work, outcome: None, panicked: false })
    }

    fn is_cancelled(&self) -> bool {
        self.ticket.job.as_ref().is_some_and(Job::is_cancelled)
    }

    /// Run it once, for its caller; the leader's may end it too.
    fn attempt(&mut self, connection: &Connection, leader: &Leader<'_>) -> Result<()> {
        if self.is_cancelled() {
            return Err(Error::Interrupted);
        }
        let caller = Both { leader, ticket: &self.ticket };
        let patience = Patience::new(None, &caller);
        let _attention = connection.attend(&patience);
        let work = &mut self.work;
        catch_unwind(AssertUnwindSafe(|| work.run(connection))).unwrap_or_else(|panic| {
            self.panicked = true;
            Err(panicked(&*panic))
        })
    }

    /// Leave the work to another leader.
    fn put_back(self) {
        if let Some(job) = &self.ticket.job {
            job.put_back(self.work);
        }
    }

    /// Hand the result over.
    fn settle(mut self) {
        let outcome = self.outcome.take().unwrap_or_else(|| Err(work::lost()));
        self.work.settle(outcome);
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::Misuse(format!("the write panicked, and nothing of it was kept: {text}"))
}

/// Who leads, and whether it wants to go.
struct Leader<'a> {
    caller: &'a dyn Caller,
    gone: Cell<bool>,
}

impl<'a> Leader<'a> {
    fn new(caller: &'a dyn Caller) -> Self {
        Leader { caller, gone: Cell::new(false) }
    }
}

impl Caller for Leader<'_> {
    fn release(&self) {
        self.caller.release();
    }

    fn may_wait(&self) -> bool {
        self.caller.may_wait()
    }

    fn proceed(&self) -> bool {
        // A signal is reported once.
        if !self.gone.get() && !self.caller.proceed() {
            self.gone.set(true);
        }
        !self.gone.get()
    }
}

/// While the leader runs a write, its own caller and the write's are asked.
struct Both<'a> {
    leader: &'a Leader<'a>,
    ticket: &'a Ticket,
}

impl Caller for Both<'_> {
    fn release(&self) {
        self.leader.release();
    }

    fn may_wait(&self) -> bool {
        self.leader.may_wait()
    }

    fn proceed(&self) -> bool {
        self.leader.proceed() && !self.is_cancelled()
    }

    fn is_cancelled(&self) -> bool {
        self.ticket.job.as_ref().is_some_and(Job::is_cancelled)
    }
}

/// Why a group did not come to its commit.
enum Fall {
    /// One write could be seen in another's result: each is to run again alone.
    Apart,
    /// No member would fare better alone.
    Refused(Error),
    /// The leader was interrupted.
    Left,
    /// This is a forked child: nothing here is its own.
    Forked,
}

/// Lead the writes that wait, beginning with the one whose turn it is; each result is handed to its
/// caller, and the lane passed on.
///
/// # Errors
/// [`Error::Fork`] in a forked child, where nothing is handed to anybody.
pub(crate) fn lead(writer: Writer, first: Arc<Ticket>, patience: &Patience<'_>) -> Result<()> {
    let engine = Arc::clone(writer.engine());
    let leader = Leader::new(patience.caller());
    let Some(first) = Member::of(first) else { return Ok(()) };
    let mut members = vec![first];
    match run(&engine, &writer, &mut members, &leader) {
        Ok(()) => {}
        Err(Fall::Forked) => {
            std::mem::forget((writer, members));
            return Err(Error::Fork("the write"));
        }
        Err(Fall::Refused(error)) => {
            for member in &mut members {
                member.outcome = copy(&error).map(Err);
            }
            members[0].outcome = Some(Err(error));
        }
        Err(fall) => {
            let rest = members.split_off(1);
            if let Fall::Apart = fall {
                alone(&engine, &writer, &mut members[0], &leader);
            } else {
                members[0].outcome = Some(Err(Error::Interrupted));
            }
            hand_over(writer, rest);
            members.into_iter().for_each(Member::settle);
            return Ok(());
        }
    }
    drop(writer);
    members.into_iter().for_each(Member::settle);
    Ok(())
}

/// [`lead`] on a thread of its own, for as long as writes of callers that cannot wait follow.
pub(crate) fn serve(writer: Writer, first: Arc<Ticket>) {
    let leader = Leader::new(&Plain);
    let mut next = Some((writer, first));
    while let Some((writer, first)) = next {
        let engine = Arc::clone(writer.engine());
        let mut members: Vec<Member> = Member::of(first).into_iter().collect();
        if !members.is_empty() {
            match run(&engine, &writer, &mut members, &leader) {
                Ok(()) => {}
                Err(Fall::Refused(error)) => {
                    for member in &mut members {
                        member.outcome = copy(&error).map(Err);
                    }
                }
                Err(_) => members.iter_mut().for_each(|m| alone(&engine, &writer, m, &leader)),
            }
        }
        next = writer.next_work();
        members.into_iter().for_each(Member::settle);
    }
}

/// Run what is left on a thread that nobody interrupts.
fn hand_over(writer: Writer, rest: Vec<Member>) {
    if rest.is_empty() {
        return;
    }
    writer.hand_to_engine();
    let lead = move || {
        writer.badge().pin_on();
        let leader = Leader::new(&Plain);
        let engine = Arc::clone(writer.engine());
        let mut rest = rest;
        rest.iter_mut().for_each(|member| alone(&engine, &writer, member, &leader));
        drop(writer);
        rest.into_iter().for_each(Member::settle);
    };
    if let Err(error) = worker::spawn(Priority::Normal, lead) {
        log::error!(target: "holdfast::writer", "no thread could be started: {error}");
    }
}

/// Run the first write, with those that wait behind it if there are.
fn run(
    engine: &Arc<Engine>,
    connection: &Connection,
    members: &mut Vec<Member>,
    leader: &Leader<'_>,
) -> Result<(), Fall> {
    let Ok(lane) = engine.lane() else { return Err(Fall::Apart) };
    let expected = lane.expected();
    if !add(lane, members, MOST - 1) && expected < 2 {
        alone(engine, connection, &mut members[0], leader);
        return if connection.is_current() { Ok(()) } else { Err(Fall::Forked) };
    }
    let result = together(engine, lane, connection, members, expected, leader);
    if !connection.is_current() {
        return Err(Fall::Forked);
    }
    match &result {
        Ok(()) => engine.stats.shared(members.len()),
        Err(_) => clean(connection),
    }
    result
}

/// Take more writes that wait; `false` when there are none.
fn add(lane: &Lane, members: &mut Vec<Member>, most: usize) -> bool {
    let before = members.len();
    members.extend(lane.take_work(most).into_iter().filter_map(Member::of));
    members.len() > before
}

/// Run all of them in one transaction, and those that come meanwhile.
fn together(
    engine: &Engine,
    lane: &Lane,
    connection: &Connection,
    members: &mut Vec<Member>,
    expected: usize,
    leader: &Leader<'_>,
) -> Result<(), Fall> {
    let patience = Patience::new(None, leader);
    let begun = Instant::now();
    engine
        .retrying(&patience, || {
            let _attention = connection.attend(&patience);
            connection.command("BEGIN IMMEDIATE")
        })
        .map_err(|error| match error {
            _ if leader.gone.get() => Fall::Left,
            Error::Busy(_) | Error::Moved { .. } => Fall::Refused(error),
            _ => Fall::Apart,
        })?;
    let mut done = 0;
    loop {
        attempt_all(connection, &mut members[done..], leader)?;
        done = members.len();
        let room = MOST - members.len();
        if room == 0 || begun.elapsed() >= OPEN {
            break;
        }
        let missing = expected.saturating_sub(members.len());
        let more = add(lane, members, room) || (lane.gather(missing) && add(lane, members, room));
        if !more {
            break;
        }
    }
    let committing = Instant::now();
    let committed = {
        let _attention = connection.attend(&patience);
        connection.command("COMMIT")
    };
    lane.shared(members.len(), committing.elapsed());
    committed.map_err(|error| match error {
        // It stands, in a file that nobody finds: not once more.
        Error::Moved { .. } => Fall::Refused(error),
        _ if leader.gone.get() => Fall::Left,
        _ => Fall::Apart,
    })
}

/// Run each in the transaction that is open.
fn attempt_all(
    connection: &Connection,
    members: &mut [Member],
    leader: &Leader<'_>,
) -> Result<(), Fall> {
    for member in members {
        let before = connection.total_changes();
        let outcome = member.attempt(connection, leader);
        if leader.gone.get() {
            return Err(Fall::Left);
        }
        if !connection.is_current() {
            return Err(Fall::Forked);
        }
        // What failed half way must not be kept with the others' work.
        let half = outcome.is_err() && connection.total_changes() != before;
        let fell = connection.is_idle() || has_deferred_violation(connection);
        member.outcome = Some(outcome);
        if half || fell || member.panicked {
            return Err(Fall::Apart);
        }
    }
    Ok(())
}

/// A caller that cannot wait, as an event loop.
struct Hurried;

impl Caller for Hurried {
    fn may_wait(&self) -> bool {
        false
    }
}

/// Run writes at once, in one transaction; `false` when that would mean to wait or does not do:
/// then nothing has come of it, and the tickets have their work again.
pub(crate) fn at_once(writer: Writer, tickets: &[Arc<Ticket>]) -> bool {
    let leader = Leader::new(&Hurried);
    let mut members: Vec<_> = tickets.iter().cloned().filter_map(Member::of).collect();
    let patience = Patience::new(None, &leader);
    let kept = {
        let _attention = writer.attend(&patience);
        let run = |connection: &Connection| {
            attempt_all(connection, &mut members, &leader).map_err(|_| Error::Interrupted)
        };
        writer.whole(run).is_ok()
    };
    if kept {
        writer.engine().stats.shared(members.len());
        drop(writer);
        members.into_iter().for_each(Member::settle);
    } else if writer.is_current() {
        members.into_iter().for_each(Member::put_back);
    }
    kept
}

/// Run one by itself, again while it fails with a retryable error.
fn alone(engine: &Engine, connection: &Connection, member: &mut Member, leader: &Leader<'_>) {
    let was_interrupted = matches!(member.outcome, Some(Err(Error::Interrupted)));
    if member.panicked || (was_interrupted && engine.is_closing()) {
        return;
    }
    member.outcome = None;
    let caller = Both { leader, ticket: &Arc::clone(&member.ticket) };
    let patience = Patience::new(None, &caller);
    let outcome = engine.retrying(&patience, || {
        let outcome = member.attempt(connection, leader);
        if connection.is_current() {
            clean(connection);
        }
        outcome
    });
    member.outcome = Some(outcome);
}

fn clean(connection: &Connection) {
    if let Err(error) = connection.clean() {
        log::error!(target: "holdfast::writer", "rollback failed: {error}");
    }
}

/// Whether a commit now would fail on a foreign key that is checked only then.
fn has_deferred_violation(connection: &Connection) -> bool {
    let (mut now, mut highest) = (0, 0);
    // SAFETY: the connection is open; the pointers are valid for the call.
    unsafe {
        let what = ffi::SQLITE_DBSTATUS_DEFERRED_FKS;
        ffi::sqlite3_db_status(connection.handle(), what, &mut now, &mut highest, 0);
    }
    now != 0
}

/// The same for another caller.
fn copy(error: &Error) -> Option<Error> {
    match error {
        Error::Busy(busy) => {
            let Busy { resource, waited, code, process, .. } = **busy;
            let holders = busy.holders.clone();
            Some(Error::Busy(Box::new(Busy { resource, waited, code, holders, process })))
        }
        Error::Moved { path, problem } => {
            Some(Error::Moved { path: path.clone(), problem: problem.clone() })
        }
        _ => None,
    }
}
