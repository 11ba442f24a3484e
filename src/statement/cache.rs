//! The statements that a connection keeps prepared.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use super::Statement;

/// How many statements a connection keeps prepared.
const CAPACITY: usize = 256;
/// How many addresses of texts are remembered.
const HINTS: usize = 64;

/// Statements by their text, each at a place of its own.
///
/// A caller mostly gives the same text at the same address. Where it was found last is looked at
/// first, and compared: the text, not the address, decides.
pub(crate) struct Cache {
    places: RefCell<Places>,
    hints: [Cell<Hint>; HINTS],
}

#[derive(Default)]
struct Places {
    slots: Vec<Slot>,
    by_text: HashMap<Arc<str>, usize>,
    clock: u64,
}

struct Slot {
    sql: Arc<str>,
    used: u64,
    /// `None` while it is taken out.
    statement: Option<Statement>,
}

#[derive(Clone, Copy, Default)]
struct Hint {
    address: usize,
    length: usize,
    place: usize,
}

impl Default for Cache {
    fn default() -> Self {
        Cache { places: RefCell::default(), hints: [const { Cell::new(Hint::NONE) }; HINTS] }
    }
}

impl Hint {
    const NONE: Hint = Hint { address: 0, length: 0, place: 0 };
}

impl Cache {
    pub(super) fn take(&self, sql: &str) -> Option<Statement> {
        let mut places = self.places.borrow_mut();
        let (address, length) = (sql.as_ptr() as usize, sql.len());
        let hint = &self.hints[(address >> 4) % HINTS];
        let Hint { place, .. } = hint.get();
        let is_known = hint.get().address == address
            && hint.get().length == length
            && places.slots.get(place).is_some_and(|slot| *slot.sql == *sql);
        if is_known {
            return places.slots[place].statement.take();
        }
        let place = *places.by_text.get(sql)?;
        hint.set(Hint { address, length, place });
        places.slots[place].statement.take()
    }

    pub(super) fn put(&self, mut statement: Statement) {
        let mut places = self.places.borrow_mut();
        places.clock += 1;
        let place = match places.slots.get(statement.place) {
            Some(slot) if Arc::ptr_eq(&slot.sql, &statement.sql) => statement.place,
            _ => places.place_for(&statement.sql),
        };
        statement.place = place;
        let used = places.clock;
        let slot = &mut places.slots[place];
        slot.used = used;
        let before = slot.statement.replace(statement);
        drop(places);
        drop(before);
    }

    pub(crate) fn clear(&self) {
        drop(self.places.take());
    }

    pub(crate) fn forget(&self) {
        std::mem::forget(self.places.take());
    }
}

impl Places {
    /// The place of a text; a new one takes the place that was not used for longest.
    fn place_for(&mut self, sql: &Arc<str>) -> usize {
        if let Some(&place) = self.by_text.get(sql) {
            return place;
        }
        let slot = Slot { sql: Arc::clone(sql), used: 0, statement: None };
        let place = if self.slots.len() < CAPACITY {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let oldest = (0..CAPACITY).min_by_key(|&i| self.slots[i].used).unwrap_or_default();
            self.by_text.remove(&self.slots[oldest].sql);
            self.slots[oldest] = slot;
            oldest
        };
        self.by_text.insert(Arc::clone(sql), place);
        place
    }
}
