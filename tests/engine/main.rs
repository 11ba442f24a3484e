//! The engine, tested without Python.

mod database;
mod location;
mod retry;
