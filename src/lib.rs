//! Durable local state: one SQLite file with the production work already done.
//!
//! [`Database::open`] gives a handle on one file: a pool of verified readers, one writer lane that
//! is served first come first served, transactions that are run again when another process was in
//! the way, migrations, backup and restore, and space given back in the background.
//!
//! ```
//! use holdfast::{Database, Mode};
//!
//! let db = Database::open(":memory:")?;
//! db.execute("CREATE TABLE note(id INTEGER PRIMARY KEY, body TEXT)", &[])?;
//! let tx = db.transaction(Mode::Immediate)?;
//! tx.execute("INSERT INTO note(body) VALUES (?)", &["hello".to_owned().into()])?;
//! tx.commit()?;
//! assert_eq!(db.query("SELECT body FROM note", &[])?, [["hello".to_owned().into()]]);
//! # Ok::<(), holdfast::Error>(())
//! ```

#![warn(missing_docs)]

pub mod backup;
pub mod database;
pub mod error;
pub mod front_matter;
pub mod location;
pub mod migrate;
pub mod options;
pub mod parameters;
pub mod patience;
pub mod retry;
pub mod session;
pub mod sql;
pub mod stats;
pub mod threads;
pub mod vacuum;
pub mod walk;
pub mod worker;

mod buffer;
mod checkpoint;
mod connection;
mod engine;
mod group;
mod guard;
mod holds;
// The binding alone writes rows one by one, and hands verbs to other threads.
#[cfg_attr(not(feature = "python"), allow(dead_code))]
mod insert;
mod locks;
#[cfg_attr(not(feature = "python"), allow(dead_code))]
mod owned;
mod pool;
mod pragma;
mod statement;
mod transaction;
mod turn;
mod watch;
mod writer;

#[cfg(feature = "python")]
mod py;

pub use backup::{BackupOptions, BackupReport, CheckReport, RestoreReport, restore};
pub use buffer::{Buffer, BufferedRow, Row};
pub use checkpoint::{CheckpointMode, CheckpointReport, WalReport};
pub use connection::Connection;
pub use database::Database;
pub use engine::close_all;
pub use error::{Error, Result};
pub use group::PendingWrite;
pub use guard::{is_main_thread, thread_id};
#[cfg(feature = "python")]
pub(crate) use insert::{Batch, Change, Conflict, Counts, Insert};
pub use insert::{batch_insert, upsert};
pub use migrate::{Applied, MigrateOptions, MigrationReport, Migrations, Step, migrate_to_latest};
pub use options::{Options, Pragmas, Profile};
#[cfg(feature = "python")]
pub(crate) use owned::{Answer, Owned};
pub use parameters::Parameters;
pub use patience::{Caller, Patience};
pub use pool::{Reader, ReaderPlace};
pub use pragma::verify_pragmas;
pub use retry::{Class, RetryClassifiable, RetryPolicy, execute_with_backoff};
pub use rusqlite::types::{Value, ValueRef};
pub use statement::{Lease, Statement};
pub use transaction::{Mode, Snapshot, Transaction, execute_in_transaction};
pub use vacuum::{VacuumDaemon, VacuumStats, run_vacuum_cycle, spawn_vacuum_daemon};
pub use writer::{LanePlace, Owner, Writer};

#[cfg(doctest)]
#[doc = include_str!("../docs/rust.md")]
struct Guide;
