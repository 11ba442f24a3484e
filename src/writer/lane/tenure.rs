//! Turns on the lane whose caller has gone: what is left of them is the engine's.
//!
//! The caller may be back, or its number be that of another, before its turn has ended. Then it
//! would be told that it waits for itself.

use std::sync::{Arc, Weak};

use super::{Lane, Owner, Writer};
use crate::engine::Engine;
use crate::writer::LanePlace;

/// The turn of a caller.
pub(crate) struct Tenure {
    engine: Weak<Engine>,
    owner: Owner,
}

impl Tenure {
    /// The caller has gone, or waits for nothing else than the end of its turn.
    pub(crate) fn leave(&self) {
        if let Some(engine) = self.engine.upgrade()
            && let Ok(lane) = engine.lane()
        {
            lane.leave(self.owner);
        }
    }
}

impl LanePlace {
    /// The caller has gone; see [`LanePlace::withdraw`] for a turn that has not come.
    pub fn leave(&self) {
        Tenure { engine: Weak::clone(&self.engine), owner: self.ticket.owner }.leave();
    }
}

impl Writer {
    /// The turn that this is; `None` when it is the engine's already.
    pub(crate) fn tenure(&self) -> Option<Tenure> {
        let owner = self.engine.lane().ok()?.queue().holder?;
        Some(Tenure { engine: Arc::downgrade(&self.engine), owner })
    }

    /// No caller holds the lane any more, but a thread of the engine.
    pub fn hand_to_engine(&self) {
        if let Ok(lane) = self.engine.lane() {
            lane.queue().holder = Some(Owner::ENGINE);
        }
    }
}

impl Lane {
    fn leave(&self, owner: Owner) {
        let mut queue = self.queue();
        if queue.holder == Some(owner) {
            queue.holder = Some(Owner::ENGINE);
        }
    }
}
