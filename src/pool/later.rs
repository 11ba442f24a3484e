//! Readers for callers that cannot wait: one thread of the engine waits for all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::Reader;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::patience::{POLL, Patience};
use crate::worker::{self, Priority};

/// Called with a reader, or with why there is none; must be quick.
type Ready = Box<dyn FnOnce(Result<Reader>) + Send>;

/// Those who wait, first come first served.
#[derive(Default)]
pub(crate) struct Later(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(u64, Ready)>,
    last: u64,
    /// Whether a thread waits for them.
    served: bool,
}

impl Later {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one; `None` ends the thread that serves.
    fn next(&self) -> Option<Ready> {
        let mut queue = self.queue();
        let next = queue.waiting.pop_front();
        queue.served = next.is_some();
        next.map(|(_, ready)| ready)
    }

    fn anybody(&self) -> bool {
        let mut queue = self.queue();
        queue.served = !queue.waiting.is_empty();
        queue.served
    }
}

/// A place in the queue for a reader.
pub struct ReaderPlace {
    engine: Weak<Engine>,
    number: u64,
}

impl ReaderPlace {
    /// Give the place up; `false` when a reader has come already.
    pub fn withdraw(&self) -> bool {
        let Some(engine) = self.engine.upgrade() else { return true };
        let mut queue = engine.readers_later.queue();
        let before = queue.waiting.len();
        queue.waiting.retain(|(number, _)| *number != self.number);
        queue.waiting.len() < before
    }

    /// Why no reader has come for so long.
    pub fn busy(&self, waited: std::time::Duration) -> Error {
        let engine = self.engine.upgrade();
        match engine.as_ref().map(|engine| engine.pool()) {
            Some(Ok(pool)) => pool.exhausted(waited),
            _ => Error::Closed("the database is closed; open it again".into()),
        }
    }
}

impl Engine {
    /// A reader, if one is idle and nobody waits for it.
    pub(crate) fn try_reader(&self) -> Result<Option<Reader>> {
        self.check_readable()?;
        let reader = self.pool()?.try_get();
        if reader.is_some() {
            self.stats.reads.add(1);
        }
        Ok(reader)
    }

    /// Take a place in the queue for a reader.
    pub(crate) fn reader_later(self: &Arc<Self>, ready: Ready) -> Result<ReaderPlace> {
        self.check_readable()?;
        let mut queue = self.readers_later.queue();
        queue.last += 1;
        let number = queue.last;
        queue.waiting.push_back((number, ready));
        let served = std::mem::replace(&mut queue.served, true);
        drop(queue);
        let place = ReaderPlace { engine: Arc::downgrade(self), number };
        if !served {
            let engine = Arc::clone(self);
            if let Err(error) = worker::spawn(Priority::Normal, move || engine.serve_readers()) {
                self.readers_later.queue().served = false;
                place.withdraw();
                return Err(Error::io("a thread could not be started", error));
            }
        }
        Ok(place)
    }

    fn serve_readers(&self) {
        while self.readers_later.anybody() {
            let reader = self.pool().and_then(|p| p.get(&Patience::timeout(POLL), &self.stats));
            match reader {
                Ok(reader) => match self.readers_later.next() {
                    Some(ready) => {
                        self.stats.reads.add(1);
                        ready(Ok(reader));
                    }
                    None => return,
                },
                Err(Error::Busy(_)) => {}
                Err(error) => match self.readers_later.next() {
                    Some(ready) => ready(Err(error)),
                    None => return,
                },
            }
        }
    }
}
