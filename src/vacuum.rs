//! Giving free pages back to the file system, in cycles that hold the lane for a moment.

use std::time::{Duration, Instant, SystemTime};

use crate::checkpoint::truncate;
use crate::connection::Connection;
use crate::database::Database;
use crate::engine::Engine;
use crate::error::{Error, PragmaMismatch, Result};
use crate::patience::Patience;
use crate::transaction::Snapshot;

mod daemon;

pub(crate) use daemon::Daemon;
pub use daemon::{VacuumDaemon, spawn_vacuum_daemon};

const TARGET: &str = "holdfast::vacuum";
/// How long a full vacuum waits for readers and other checkpoints to let the file shrink.
const READERS: Duration = Duration::from_secs(2);

/// What a vacuum found and what it left; sizes in pages, and in bytes by the methods.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VacuumStats {
    /// Bytes of a page.
    pub page_size: u32,
    /// Pages of the database before.
    pub pages_before: u32,
    /// Pages of the database after.
    pub pages_after: u32,
    /// Pages before that held nothing.
    pub free_before: u32,
    /// Pages after that hold nothing.
    pub free_after: u32,
    /// How many cycles it took.
    pub cycles: u32,
    /// The longest that one of them kept other writers out.
    pub longest_hold: Duration,
    /// How long it took, pauses included.
    pub time: Duration,
}

impl VacuumStats {
    fn read(connection: &Connection) -> Result<Self> {
        let number = |sql| Ok::<_, Error>(connection.number(sql)?.try_into().unwrap_or_default());
        let (pages, free) = (number("PRAGMA page_count")?, number("PRAGMA freelist_count")?);
        Ok(VacuumStats {
            page_size: number("PRAGMA page_size")?,
            pages_before: pages,
            pages_after: pages,
            free_before: free,
            free_after: free,
            ..VacuumStats::default()
        })
    }

    fn finish(&mut self, connection: &Connection, begun: Instant) -> Result<()> {
        let now = Self::read(connection)?;
        (self.pages_after, self.free_after) = (now.pages_after, now.free_after);
        self.cycles = 1;
        self.time = begun.elapsed();
        self.longest_hold = self.time;
        Ok(())
    }

    /// The size before, in bytes.
    pub fn size_before(&self) -> u64 {
        self.bytes(self.pages_before)
    }

    /// The size after, in bytes; the file itself has it after the next checkpoint.
    pub fn size_after(&self) -> u64 {
        self.bytes(self.pages_after)
    }

    /// Bytes before that held nothing.
    pub fn free_bytes_before(&self) -> u64 {
        self.bytes(self.free_before)
    }

    /// Bytes after that hold nothing.
    pub fn free_bytes_after(&self) -> u64 {
        self.bytes(self.free_after)
    }

    /// Bytes that went back to the file system.
    pub fn reclaimed(&self) -> u64 {
        self.bytes(self.pages_before.saturating_sub(self.pages_after))
    }

    fn bytes(&self, pages: u32) -> u64 {
        u64::from(pages) * u64::from(self.page_size)
    }
}

/// Free up to `pages` pages at the end of the file (0: all that can be), in one transaction or as
/// part of the open one.
///
/// A file without `auto_vacuum = incremental` stays as it is: [`Database::vacuum_full`] first.
///
/// # Errors
/// [`Error::Busy`] when another process writes; [`Error::Timeout`] and [`Error::Interrupted`] as
/// the connection's caller asks; nothing has changed then.
pub fn run_vacuum_cycle(connection: &Connection, pages: u32) -> Result<VacuumStats> {
    if !connection.is_idle() {
        return cycle(connection, pages, None);
    }
    connection.command("BEGIN IMMEDIATE")?;
    finish_cycle(connection, pages, None)
}

/// The rest of a cycle whose transaction has just begun.
fn finish_cycle(
    connection: &Connection,
    pages: u32,
    hold: Option<Duration>,
) -> Result<VacuumStats> {
    let begun = Instant::now();
    let done = cycle(connection, pages, hold).and_then(|stats| {
        connection.command("COMMIT")?;
        Ok(VacuumStats { time: begun.elapsed(), longest_hold: begun.elapsed(), ..stats })
    });
    if done.is_err() {
        connection.clean()?;
    }
    done
}

fn cycle(connection: &Connection, pages: u32, hold: Option<Duration>) -> Result<VacuumStats> {
    let begun = Instant::now();
    let mut stats = VacuumStats::read(connection)?;
    connection.internal(|| {
        // Each step frees one page, so a cycle can end after any of them.
        let mut statement = connection.statement("PRAGMA incremental_vacuum")?;
        let mut freed = 0;
        while statement.step(connection)? {
            freed += 1;
            if freed == pages || hold.is_some_and(|hold| begun.elapsed() >= hold) {
                break;
            }
        }
        Ok(())
    })?;
    stats.finish(connection, begun)?;
    Ok(stats)
}

/// Rebuild the file without its free pages, whatever `auto_vacuum` it was made with.
fn rebuild(connection: &Connection, temp_store: &str) -> Result<VacuumStats> {
    let begun = Instant::now();
    let mut stats = VacuumStats::read(connection)?;
    connection.command("PRAGMA auto_vacuum = incremental")?;
    // The copy that VACUUM makes would be held in memory.
    connection.command("PRAGMA temp_store = file")?;
    let done = connection.command("VACUUM");
    connection.command(&format!("PRAGMA temp_store = {temp_store}"))?;
    done?;
    stats.finish(connection, begun)?;
    let found = auto_vacuum(connection)?;
    if found != "incremental" {
        return Err(Error::Pragma(vec![PragmaMismatch {
            name: "auto_vacuum".into(),
            wanted: "incremental".into(),
            found: found.to_owned(),
            why: None,
        }]));
    }
    Ok(stats)
}

/// What the file is made with now; another connection's VACUUM may have changed it.
pub(crate) fn auto_vacuum(connection: &Connection) -> Result<&'static str> {
    // The pragma alone answers from memory: look at the file first.
    connection.number("PRAGMA page_count")?;
    Ok(match connection.number("PRAGMA auto_vacuum")? {
        0 => "none",
        1 => "full",
        _ => "incremental",
    })
}

impl Database {
    /// Free up to `pages` pages (0: all) in one cycle, which holds the lane until it is done.
    ///
    /// The file shrinks a moment later, with the checkpoint that this asks for.
    ///
    /// # Errors
    /// [`Error::Busy`] for the lane or another process; [`Error::Timeout`], [`Error::Interrupted`].
    pub fn vacuum(&self, pages: u32, patience: &Patience<'_>) -> Result<VacuumStats> {
        let engine = self.engine()?;
        let stats = self.write(patience, |connection| run_vacuum_cycle(connection, pages))?;
        engine.record_vacuum(stats);
        if stats.reclaimed() > 0 {
            engine.checkpointer.shrink(engine);
        }
        Ok(stats)
    }

    /// Rebuild the whole file, and convert one that was made without `auto_vacuum = incremental`.
    ///
    /// It holds the lane all the time, and needs room for a second copy twice: in the directory of
    /// temporary files and beside the database.
    ///
    /// # Errors
    /// As [`Database::vacuum`]; the disk may be full. The file is as it was then.
    pub fn vacuum_full(&self, patience: &Patience<'_>) -> Result<VacuumStats> {
        let engine = self.engine()?;
        let temp_store = engine.options().pragmas.get("temp_store").unwrap_or("default").to_owned();
        patience.caller().release();
        let stats = self.write(patience, |connection| {
            let stats = rebuild(connection, &temp_store)?;
            engine.options().pragmas.set("auto_vacuum", "incremental")?;
            Ok::<_, Error>(stats)
        })?;
        // What is committed stays so, whatever becomes of the checkpoint.
        match truncate(engine, patience, READERS) {
            Err(error) => log::warn!(target: TARGET, "the file has not shrunk yet: {error}"),
            Ok(false) => log::warn!(target: TARGET, "readers keep the file from shrinking yet"),
            Ok(true) => {}
        }
        engine.record_vacuum(stats);
        engine.checkpointer.shrink(engine);
        Ok(stats)
    }

    /// How large the file is and how much of it is free, now; before and after are the same.
    ///
    /// # Errors
    /// [`Error::Busy`] when no reader is to be had.
    pub fn vacuum_stats(&self) -> Result<VacuumStats> {
        let snapshot = Snapshot::begin(self.engine()?, &Patience::unbounded())?;
        VacuumStats::read(snapshot.connection()?)
    }

    /// The last vacuum of this process that ended well, by hand or in the background, and when.
    pub fn last_vacuum(&self) -> Result<Option<(SystemTime, VacuumStats)>> {
        Ok(self.engine()?.stats.last_vacuum.get())
    }
}

impl Engine {
    fn record_vacuum(&self, stats: VacuumStats) {
        log::info!(
            target: TARGET,
            "{} bytes given back in {} cycles and {:.1?}; the longest kept writers out for {:.1?}, \
             {} bytes are free",
            stats.reclaimed(), stats.cycles, stats.time, stats.longest_hold, stats.free_bytes_after()
        );
        self.stats.last_vacuum.set(stats);
    }
}
