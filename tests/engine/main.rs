//! The engine, tested without Python.

mod location;
mod retry;
