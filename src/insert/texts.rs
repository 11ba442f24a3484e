//! The texts of the inserts that a connection ran last: to write them costs as much as to run them.

use std::cell::RefCell;
use std::sync::Arc;

use crate::error::Result;
use crate::sql::{self, OnConflict};

/// How many are kept.
const KEPT: usize = 16;

/// The statements of one insert or upsert, and what they were made for.
pub(crate) struct Texts {
    pub(super) insert: String,
    /// Finds the row with the same key; `None` without a key.
    pub(super) lookup: Option<String>,
    /// The places of the key's columns.
    pub(super) places: Vec<usize>,
    table: String,
    columns: Vec<String>,
    key: Vec<String>,
    /// `None` where a row that exists is not updated.
    updated: Option<Vec<String>>,
    fails: bool,
}

impl Texts {
    fn new(table: &str, columns: &[&str], conflict: OnConflict<'_>) -> Result<Self> {
        let (key, updated, fails) = parts(conflict);
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let lookup = (!key.is_empty()).then(|| sql::lookup(table, key, "_rowid_")).transpose()?;
        let place = |k: &&str| columns.iter().position(|c| c.eq_ignore_ascii_case(k));
        Ok(Texts {
            insert: sql::insert(table, columns, conflict)?,
            lookup,
            places: key.iter().filter_map(place).collect(),
            table: table.to_owned(),
            columns: owned(columns),
            key: owned(key),
            updated: updated.map(owned),
            fails,
        })
    }

    fn is_for(&self, table: &str, columns: &[&str], conflict: OnConflict<'_>) -> bool {
        let (key, updated, fails) = parts(conflict);
        self.table == table
            && self.fails == fails
            && self.columns == columns
            && self.key == key
            && match (&self.updated, updated) {
                (Some(mine), Some(given)) => mine == given,
                (mine, given) => mine.is_none() && given.is_none(),
            }
    }
}

type Parts<'a> = (&'a [&'a str], Option<&'a [&'a str]>, bool);

fn parts(conflict: OnConflict<'_>) -> Parts<'_> {
    match conflict {
        OnConflict::Fail => (&[], None, true),
        OnConflict::Update { key, columns } => (key, Some(columns), false),
        OnConflict::Nothing { key } => (key, None, false),
    }
}

/// The texts that were used last, the newest last.
#[derive(Default)]
pub(crate) struct Known(RefCell<Vec<Arc<Texts>>>);

impl Known {
    /// Those for an insert, from before or made now.
    pub(super) fn texts(
        &self,
        table: &str,
        columns: &[&str],
        conflict: OnConflict<'_>,
    ) -> Result<Arc<Texts>> {
        let mut known = self.0.borrow_mut();
        let is_it = |texts: &Arc<Texts>| texts.is_for(table, columns, conflict);
        if let Some(place) = known.iter().rposition(is_it) {
            return Ok(Arc::clone(&known[place]));
        }
        let texts = Arc::new(Texts::new(table, columns, conflict)?);
        if known.len() >= KEPT {
            known.remove(0);
        }
        known.push(Arc::clone(&texts));
        Ok(texts)
    }
}
