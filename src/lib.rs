//! Durable local state: one SQLite file with the production work already done.

#![warn(missing_docs)]

pub mod error;
pub mod location;
pub mod options;
pub mod retry;

pub use error::{Error, Result};
