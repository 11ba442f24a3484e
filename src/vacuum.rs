//! Giving free pages back to the file system, in cycles that hold the lane for a moment.

use std::sync::Arc;

use crate::database::Engine;

/// The background vacuum of one engine.
#[derive(Default)]
pub(crate) struct Daemon {}

impl Daemon {
    pub(crate) fn start(&self, _engine: &Arc<Engine>) {}
    pub(crate) fn stop(&self) {}
}
