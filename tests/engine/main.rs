//! The engine, tested without Python.

mod backup;
mod copies;
mod database;
mod front_matter;
mod group;
mod guard;
mod load;
mod location;
mod migrate;
mod pace;
mod restore;
mod retry;
mod script;
mod statement;
mod vacuum;
mod walk;
