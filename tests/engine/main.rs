//! The engine, tested without Python.

mod backup;
mod database;
mod location;
mod migrate;
mod retry;
mod script;
mod vacuum;
