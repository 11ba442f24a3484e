//! The engine, tested without Python.

mod database;
mod location;
mod migrate;
mod retry;
mod script;
