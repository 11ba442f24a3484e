//! A transaction or snapshot of a caller that cannot wait: its work runs one at a time, in order.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::connection::Connection;
use crate::error::{Error, Result};
use crate::patience::Patience;
use crate::statement::Statement;
use crate::transaction::{Snapshot, Transaction};
use crate::worker::{self, Priority};
use crate::writer::Tenure;

/// What a session holds.
pub enum Held {
    /// The lane.
    Transaction(Transaction),
    /// A reader.
    Snapshot(Snapshot),
}

impl Held {
    /// The connection, as long as the session stands.
    pub fn connection(&self) -> Result<&Connection> {
        match self {
            Held::Transaction(transaction) => transaction.connection(),
            Held::Snapshot(snapshot) => snapshot.connection(),
        }
    }

    /// The connection, even when SQLite has rolled back; `None` in a forked child.
    fn any_connection(&self) -> Option<&Connection> {
        match self {
            Held::Transaction(transaction) => transaction.any_connection(),
            Held::Snapshot(snapshot) => snapshot.connection().ok(),
        }
    }
}

/// What is held, and the statements that are in the middle of their rows.
pub struct Open {
    /// Declared first, so that a session that is dropped gives them back before it ends.
    cursors: HashMap<u64, Statement>,
    held: Held,
}

impl Open {
    /// What is held.
    pub fn held(&self) -> &Held {
        &self.held
    }

    /// Keep a statement that is in the middle of its rows.
    pub fn keep(&mut self, cursor: u64, statement: Statement) {
        self.cursors.insert(cursor, statement);
    }

    /// Take a statement that was kept.
    pub fn resume(&mut self, cursor: u64) -> Option<Statement> {
        self.cursors.remove(&cursor)
    }

    /// Give a statement that was kept back to the connection.
    pub fn forget(&mut self, cursor: u64) {
        if let (Some(statement), Some(connection)) =
            (self.cursors.remove(&cursor), self.held.any_connection())
        {
            connection.give_back(statement);
        }
    }

    /// Run work on the connection, on behalf of a caller.
    pub fn run<T>(
        &self,
        patience: &Patience<'_>,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        if patience.caller().is_cancelled() {
            return Err(Error::Interrupted);
        }
        let connection = self.held.connection()?;
        let _attention = connection.attend(patience);
        work(connection)
    }

    /// End the statements, and give what was held, to be ended.
    pub fn end(mut self) -> Held {
        self.give_back();
        self.held
    }

    fn give_back(&mut self) {
        let statements = self.cursors.drain().map(|(_, statement)| statement);
        match self.held.any_connection() {
            Some(connection) => statements.for_each(|s| connection.give_back(s)),
            // A parent's statements are not ours to end.
            None => statements.for_each(std::mem::forget),
        }
    }
}

/// Work on an open session; `None` when it has ended. To end it, it is taken out.
pub type Job = Box<dyn FnOnce(&mut Option<Open>) + Send>;

/// A session whose users take turns.
pub struct Session {
    what: &'static str,
    tenure: Option<Tenure>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    jobs: VecDeque<Job>,
}

enum Phase {
    Idle(Open),
    Busy,
    Ended,
}

impl Session {
    /// Begin with what is held.
    pub fn new(held: Held) -> Arc<Self> {
        let (what, tenure) = match &held {
            Held::Transaction(transaction) => ("transaction", transaction.tenure()),
            Held::Snapshot(_) => ("snapshot", None),
        };
        let phase = Phase::Idle(Open { cursors: HashMap::new(), held });
        Arc::new(Session {
            what,
            tenure,
            state: Mutex::new(State { phase, jobs: VecDeque::new() }),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its user has gone, or waits for its end alone.
    pub fn leave(&self) {
        if let Some(tenure) = &self.tenure {
            tenure.leave();
        }
    }

    /// The error of those who come too late.
    pub fn ended(&self) -> Error {
        Error::Closed(format!("the {} has ended; use it inside its with block", self.what))
    }

    /// Work on it at once, on this thread; `None` when others are before.
    ///
    /// # Errors
    /// [`Error::Closed`] when it has ended.
    pub fn try_use<T>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Option<Open>) -> T,
    ) -> Result<Option<T>> {
        let mut open = {
            let mut state = self.state();
            match std::mem::replace(&mut state.phase, Phase::Busy) {
                Phase::Idle(open) => Some(open),
                Phase::Busy => return Ok(None),
                Phase::Ended => {
                    state.phase = Phase::Ended;
                    return Err(self.ended());
                }
            }
        };
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut open)));
        self.after(open);
        Ok(Some(result.unwrap_or_else(|panic| resume_unwind(panic))))
    }

    /// Leave it to whoever asked meanwhile.
    fn after(self: &Arc<Self>, open: Option<Open>) {
        let mut state = self.state();
        match (state.jobs.pop_front(), open) {
            (None, open) => state.phase = open.map_or(Phase::Ended, Phase::Idle),
            (Some(job), Some(open)) => {
                drop(state);
                self.start(job, open);
            }
            (Some(job), None) => {
                state.phase = Phase::Ended;
                let jobs = std::mem::take(&mut state.jobs);
                drop(state);
                std::iter::once(job).chain(jobs).for_each(|job| job(&mut None));
            }
        }
    }

    fn start(self: &Arc<Self>, job: Job, open: Open) {
        let session = Arc::clone(self);
        let priority = match open.held {
            Held::Transaction(_) => Priority::Normal,
            Held::Snapshot(_) => Priority::Low,
        };
        if let Err(error) = worker::spawn(priority, move || session.serve(job, open)) {
            log::error!(target: "holdfast::worker", "a thread could not be started: {error}");
            self.after(None);
        }
    }

    /// Work on it on another thread, after what was asked before.
    pub fn submit(self: &Arc<Self>, job: Job) {
        let mut state = self.state();
        match std::mem::replace(&mut state.phase, Phase::Busy) {
            Phase::Idle(open) => {
                drop(state);
                self.start(job, open);
            }
            Phase::Busy => state.jobs.push_back(job),
            Phase::Ended => {
                state.phase = Phase::Ended;
                drop(state);
                job(&mut None);
            }
        }
    }

    fn serve(&self, job: Job, open: Open) {
        let mut open = Some(open);
        let mut next = Some(job);
        while let Some(job) = next {
            // The panic was reported; whoever waits for the job learns of it by its drop.
            let _ = catch_unwind(AssertUnwindSafe(|| job(&mut open)));
            let mut state = self.state();
            next = state.jobs.pop_front();
            if next.is_none() {
                state.phase = open.take().map_or(Phase::Ended, Phase::Idle);
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Phase::Idle(open) = std::mem::replace(&mut state.phase, Phase::Ended) {
            drop(open.end());
        }
    }
}
