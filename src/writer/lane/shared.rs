//! What the queue of the lane does for group commit.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::{Lane, Recent, Ticket, Turn, Writer};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::group;
use crate::patience::Patience;
use crate::worker::{self, Priority};
use crate::writer::LanePlace;

/// For how long a group says who may come next.
const RECENT: Duration = Duration::from_millis(5);
/// A shorter wait than this is not worth its cost.
const SHORTEST_WAIT: Duration = Duration::from_micros(25);
const LONGEST_WAIT: Duration = Duration::from_micros(500);

impl Lane {
    /// Whether a commit waits for the disk.
    pub(crate) fn syncs(&self) -> bool {
        self.syncs
    }

    /// Whether a write of this caller may share a commit, and gains by it.
    pub(crate) fn shares(&self, patience: &Patience<'_>) -> bool {
        self.syncs && patience.deadline().is_none() && patience.caller().may_wait()
    }

    /// Become the holder, or take a place in the queue; gives which.
    pub(crate) fn join(&self, ticket: &Arc<Ticket>, engine: &Engine) -> Result<bool> {
        let mut queue = self.queue();
        if queue.take(ticket.owner, engine)? {
            queue.holder = Some(ticket.holder());
            return Ok(true);
        }
        match ticket.turn {
            Turn::Worker => queue.waiting.push_back(Arc::clone(ticket)),
            _ => queue.line_up(ticket)?,
        }
        if queue.wanted.is_some_and(|wanted| queue.waiting.len() >= wanted) {
            queue.wanted = None;
            self.more.notify_one();
        }
        Ok(false)
    }

    pub(crate) fn withdraw(&self, ticket: &Arc<Ticket>) -> bool {
        self.queue().withdraw(ticket)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// For the holder: take out those with a job that wait first.
    pub(crate) fn take_work(&self, most: usize) -> Vec<Arc<Ticket>> {
        let mut queue = self.queue();
        let count = queue.waiting.iter().take(most).take_while(|t| t.job.is_some()).count();
        queue.waiting.drain(..count).collect()
    }

    /// How many writes may come at once, as far as the last group tells.
    pub(crate) fn expected(&self) -> usize {
        match self.queue().recent {
            Some(recent) if recent.ended.elapsed() < RECENT => recent.writes,
            _ => 0,
        }
    }

    /// For the leader: wait for so many more writes, a share of what a commit takes at most;
    /// whether any has come.
    pub(crate) fn gather(&self, missing: usize) -> bool {
        let mut queue = self.queue();
        let Some(recent) = queue.recent.filter(|_| missing > 0) else { return false };
        let longest = (recent.commit / 2).min(LONGEST_WAIT);
        if longest < SHORTEST_WAIT {
            return false;
        }
        let begun = Instant::now();
        queue.wanted = Some(missing);
        while queue.wanted.is_some() && !queue.closed {
            let Some(left) = longest.checked_sub(begun.elapsed()) else { break };
            queue = self.more.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        queue.wanted = None;
        queue.waiting.front().is_some_and(|ticket| ticket.job.is_some())
    }

    /// A group of so many writes was committed in this time.
    pub(crate) fn shared(&self, members: usize, commit: Duration) {
        let mut queue = self.queue();
        let commit = queue.recent.map_or(commit, |recent| (recent.commit * 7 + commit) / 8);
        let waiting = queue.waiting.iter().filter(|ticket| ticket.job.is_some()).count();
        queue.recent = Some(Recent { ended: Instant::now(), writes: members + waiting, commit });
    }
}

impl Writer {
    /// Take a place for a job that a thread of the engine begins.
    pub(crate) fn lead_later(engine: &Arc<Engine>, ticket: Arc<Ticket>) -> Result<LanePlace> {
        let lane = engine.lane()?;
        let free = lane.join(&ticket, engine)?;
        if free {
            let (writer, theirs) = (Writer::holding(engine), Arc::clone(&ticket));
            worker::spawn(Priority::Normal, move || group::serve(writer, theirs))
                .map_err(|error| Error::io("a thread could not be started", error))?;
        }
        Ok(LanePlace::of(engine, ticket))
    }

    /// Pass the lane on, but take the next job for a thread of the engine oneself.
    pub(crate) fn next_work(self) -> Option<(Writer, Arc<Ticket>)> {
        let engine = Arc::clone(self.engine());
        self.finish();
        let mut this = std::mem::ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped.
        unsafe { std::mem::ManuallyDrop::drop(&mut this.engine) };
        let ticket = engine.lane().ok()?.call_next(&engine, false)?;
        Some((Writer::holding(&engine), ticket))
    }
}
