//! Writes of one turn of a loop: they share a commit at its end.

use std::sync::{Arc, Mutex, PoisonError};

use crate::PendingWrite;

/// Those that wait, by database.
#[derive(Default)]
pub(super) struct Together(Mutex<Vec<(Arc<crate::Database>, Vec<PendingWrite>)>>);

impl Together {
    /// Add a write; whether it is the first of its turn.
    pub(super) fn add(&self, database: &Arc<crate::Database>, write: PendingWrite) -> bool {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = waiting.is_empty();
        match waiting.iter_mut().find(|(of, _)| Arc::ptr_eq(of, database)) {
            Some((_, writes)) => writes.push(write),
            None => waiting.push((Arc::clone(database), vec![write])),
        }
        first
    }

    /// Run them.
    pub(super) fn write(&self) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (database, writes) in all {
            database.write_together(writes);
        }
    }
}
