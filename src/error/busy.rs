//! What was waited for in vain, and who has it.

use std::fmt;
use std::time::Duration;

/// Who holds a connection, since when, and with what.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The operating system's id of the thread.
    pub thread: u64,
    /// The name of the thread, or of the task, where it has one.
    pub name: Option<String>,
    /// Whether it is a task that the thread runs, not the thread itself.
    pub is_task: bool,
    /// The first statement that ran on the connection, cut to one line.
    pub statement: Option<String>,
    /// How long it has been held.
    pub held: Duration,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) if self.is_task => write!(f, "task {name:?}")?,
            Some(name) => write!(f, "thread {name:?}")?,
            None => write!(f, "thread {}", self.thread)?,
        }
        write!(f, " for {:.1?}", self.held)?;
        if let Some(statement) = &self.statement {
            write!(f, " (first statement: {statement})")?;
        }
        Ok(())
    }
}

/// What was waited for in vain, for how long, and who has it.
#[derive(Debug)]
pub struct Busy {
    /// What could not be had.
    pub resource: Resource,
    /// How long it was waited for.
    pub waited: Duration,
    /// The extended result code that stands for it.
    pub code: i32,
    /// The holders inside this process.
    pub holders: Vec<Holder>,
    /// The process that holds SQLite's lock, where the system tells.
    pub process: Option<u32>,
}

/// Something that one waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// The writer lane of this process.
    Lane,
    /// A reader of the pool.
    Reader,
    /// SQLite's lock on the file, held by another process.
    File,
    /// The snapshot of a transaction, overtaken by another process's commit.
    Snapshot,
}

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waited = self.waited;
        match self.resource {
            Resource::Lane => write!(f, "waited {waited:.1?} for the writer lane, held by ")?,
            Resource::Reader => write!(f, "waited {waited:.1?} for a reader; all are held, by ")?,
            Resource::File => {
                write!(f, "database is locked: waited {waited:.1?} for another process")?;
                if let Some(pid) = self.process {
                    write!(f, " (pid {pid})")?;
                }
                return f.write_str(
                    "; keep its transactions short, or give this call a longer timeout",
                );
            }
            Resource::Snapshot => {
                return f.write_str(
                    "another process committed after this transaction's first read, so it can no \
                     longer write; run the whole transaction again (db.run does), or begin it with \
                     mode \"immediate\"",
                );
            }
        }
        if self.holders.is_empty() {
            f.write_str("a holder that has just let go")?;
        }
        for (i, holder) in self.holders.iter().enumerate() {
            write!(f, "{}{holder}", if i == 0 { "" } else { ", " })?;
        }
        match self.resource {
            Resource::Lane => {
                f.write_str("; keep transactions short, or give this call a longer timeout")
            }
            _ => {
                f.write_str("; end snapshots and iterators sooner, or open with a larger pool_size")
            }
        }
    }
}
