//! A parallel walk over the markdown files of a folder: what is new or changed is read, hashed and
//! split into front matter and body.

mod entries;
mod queue;
mod read;
mod rules;
mod tasks;
mod visit;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use sha2::{Digest, Sha256};

use crate::front_matter::{self, Plain};
use crate::guard;
use crate::patience::{POLL, Patience};
use crate::{Error, Result};
use queue::Queue;
pub use read::Stamp;
use read::{Content, Folder};
use tasks::Tasks;
use visit::{Place, Task};

/// Bytes that are read ahead of who takes them.
const AHEAD: usize = 32 << 20;
/// What a file weighs beside its text.
const WEIGHT: usize = 1 << 10;

/// Which files are looked at.
#[derive(Debug, Clone)]
pub struct WalkOptions {
    /// Patterns as in a `.gitignore`; the last that matches decides, and `!` leaves out.
    pub patterns: Vec<String>,
    /// Whether names that begin with a dot are looked at.
    pub hidden: bool,
    /// Whether `.gitignore` and `.ignore` files of the folder leave files out.
    pub gitignore: bool,
    /// Larger files, in bytes, are not read when they are new or have changed.
    pub max_size: u64,
}

impl Default for WalkOptions {
    fn default() -> Self {
        let patterns = vec!["**/*.md".to_owned()];
        WalkOptions { patterns, hidden: false, gitignore: true, max_size: 10_000_000 }
    }
}

/// A markdown file that is new, or has another stamp than before.
#[derive(Debug)]
pub struct Found {
    /// Below the folder, with `/`.
    pub path: String,
    /// What it was when it was read.
    pub stamp: Stamp,
    /// Whether the stamp tells it from every later state.
    pub settled: bool,
    /// SHA-256 of its bytes.
    pub hash: String,
    /// Its front matter, if it has any.
    pub front: Option<Front>,
    /// The first heading of its body.
    pub heading: Option<String>,
    /// What follows the front matter, with `\n` at the ends of lines.
    pub body: String,
}

/// Front matter.
#[derive(Debug)]
pub enum Front {
    /// The values that it has.
    Plain(Vec<(String, Plain)>),
    /// Text that a YAML parser must read.
    Yaml(String),
}

impl Front {
    /// Read it, if it is plain.
    pub fn new(text: &str) -> Front {
        match front_matter::plain(text) {
            Some(pairs) => {
                Front::Plain(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
            }
            None => Front::Yaml(text.to_owned()),
        }
    }
}

/// What the walk came upon.
#[derive(Debug)]
pub enum Item {
    /// A file to look at.
    File(Found),
    /// A file that could not be read, and why.
    Problem(String, String),
    /// A directory that could not be read, and why: what is in it is not missing.
    Unreadable(String, String),
}

/// What there was in all, once the walk has ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WalkSummary {
    /// Files that match.
    pub scanned: usize,
    /// Those with the stamp that was known.
    pub unchanged: usize,
    /// Known files that are there no more.
    pub missing: Vec<String>,
}

/// What the threads of a walk have in common.
struct Shared {
    patterns: Gitignore,
    hidden: bool,
    gitignore: bool,
    max_size: u64,
    known: HashMap<String, (Stamp, AtomicBool)>,
    tasks: Tasks<Task>,
    queue: Queue<Item>,
    matched: AtomicUsize,
    unchanged: AtomicUsize,
    threads: AtomicUsize,
    stopped: AtomicBool,
    generation: u32,
}

/// A walk that goes on in threads of its own until it is dropped.
pub struct Walk {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    unreadable: Vec<String>,
}

impl Walk {
    /// Begin to walk a folder, which is no link itself. `known` are the stamps by which files are recognised as unchanged.
    pub fn begin(
        root: &Path,
        options: &WalkOptions,
        known: impl IntoIterator<Item = (String, Stamp)>,
    ) -> Result<Walk> {
        guard::watch_forks();
        let folder =
            Folder::open(root).map_err(|e| Error::path(root, format!("cannot be walked: {e}")))?;
        let mut patterns = GitignoreBuilder::new("");
        for pattern in &options.patterns {
            patterns.add_line(None, pattern).map_err(|e| Error::Misuse(e.to_string()))?;
        }
        let patterns = patterns.build().map_err(|e| Error::Misuse(e.to_string()))?;
        let known = known
            .into_iter()
            .map(|(path, stamp)| (path, (stamp, AtomicBool::new(false))))
            .collect();
        let count = std::thread::available_parallelism().map_or(2, |n| n.get().min(8));
        let shared = Arc::new(Shared {
            patterns,
            hidden: options.hidden,
            gitignore: options.gitignore,
            max_size: options.max_size,
            known,
            tasks: Tasks::new(Task::Look(Place::root(folder))),
            queue: Queue::new(AHEAD),
            matched: AtomicUsize::new(0),
            unchanged: AtomicUsize::new(0),
            threads: AtomicUsize::new(count),
            stopped: AtomicBool::new(false),
            generation: guard::generation(),
        });
        let mut walk = Walk { shared, threads: Vec::new(), unreadable: Vec::new() };
        for _ in 0..count {
            let shared = walk.shared.clone();
            let thread = std::thread::Builder::new().name("holdfast-walk".into());
            let thread = thread.spawn(move || shared.work());
            walk.threads.push(thread.map_err(|e| Error::io("a thread to walk cannot start", e))?);
        }
        Ok(walk)
    }

    /// Some of what was found, of about this many bytes; `None` when that was all.
    pub fn next(&mut self, bytes: usize, patience: &Patience<'_>) -> Result<Option<Vec<Item>>> {
        if self.shared.generation != guard::generation() {
            return Err(Error::Fork("the walk"));
        }
        patience.caller().release();
        loop {
            if let Some(items) = self.shared.queue.take(bytes, POLL) {
                for item in &items {
                    if let Item::Unreadable(path, _) = item {
                        self.unreadable.push(path.clone());
                    }
                }
                if !items.is_empty() {
                    return Ok(Some(items));
                }
                for thread in self.threads.drain(..) {
                    // Files that were not looked at must not pass for missing ones.
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                }
                if self.shared.stopped.load(Ordering::Relaxed) {
                    return Err(Error::Closed("the walk is closed".into()));
                }
                return Ok(None);
            }
            if !patience.caller().proceed() {
                return Err(Error::Interrupted);
            }
        }
    }

    /// How far it is, to look at and to end from other threads.
    pub fn progress(&self) -> Progress {
        Progress(Arc::clone(&self.shared))
    }

    /// What there was in all; after [`next`](Self::next) has given `None`.
    pub fn summary(&self) -> WalkSummary {
        let shared = &self.shared;
        let missing = shared.known.iter().filter(|(_, (_, seen))| !seen.load(Ordering::Relaxed));
        let missing = missing
            .map(|(path, _)| path.clone())
            .filter(|path| !self.is_out_of_sight(path))
            .collect();
        WalkSummary {
            scanned: shared.matched.load(Ordering::Relaxed),
            unchanged: shared.unchanged.load(Ordering::Relaxed),
            missing,
        }
    }

    /// Whether a path lies in a directory that could not be read.
    fn is_out_of_sight(&self, path: &str) -> bool {
        self.unreadable.iter().any(|directory| {
            directory == "."
                || path.strip_prefix(directory.as_str()).is_some_and(|r| r.starts_with('/'))
        })
    }
}

/// How far a walk is.
pub struct Progress(Arc<Shared>);

impl Progress {
    /// How many files were come upon so far, and how many of them have the stamp that was known.
    pub fn get(&self) -> (usize, usize) {
        let (matched, unchanged) = (&self.0.matched, &self.0.unchanged);
        (matched.load(Ordering::Relaxed), unchanged.load(Ordering::Relaxed))
    }

    /// End the walk: what is left is dropped, and [`Walk::next`] is an error.
    pub fn stop(&self) {
        // In a forked child the threads are not there, and their locks may be held for good.
        if self.0.generation != guard::generation() {
            return;
        }
        self.0.stopped.store(true, Ordering::Relaxed);
        self.0.tasks.stop();
        self.0.queue.drop_rest();
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.progress().stop();
        if self.shared.generation == guard::generation() {
            for thread in self.threads.drain(..) {
                let _ = thread.join();
            }
        }
    }
}

fn found(path: &str, content: Content) -> std::result::Result<Found, String> {
    let hash = hash(&content.bytes);
    let text = text(content.bytes)?;
    let parts = front_matter::split(&text);
    Ok(Found {
        path: path.to_owned(),
        stamp: content.stamp,
        settled: content.settled,
        hash,
        front: parts.front.map(Front::new),
        heading: front_matter::heading(parts.body).map(str::to_owned),
        body: parts.body.to_owned(),
    })
}

/// Read one file below a folder, as the walk does.
pub fn read_markdown(root: &Path, path: &str, max_size: u64) -> Result<Found> {
    let folder = Folder::open(root).map_err(|e| Error::path(root, read::why(&e)))?;
    let content = folder.read(Path::new(path), max_size);
    content.and_then(|content| found(path, content)).map_err(|why| Error::path(path, why))
}

/// SHA-256 in hexadecimal digits.
fn hash(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digest = Sha256::digest(bytes);
    let digit = |half: u8| DIGITS[usize::from(half)] as char;
    digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The text of a file: UTF-8, without a byte order mark, with `\n` at the ends of lines.
fn text(mut bytes: Vec<u8>) -> std::result::Result<String, String> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    let text = String::from_utf8(bytes)
        .map_err(|e| format!("it is not UTF-8, from byte {}", e.utf8_error().valid_up_to()))?;
    Ok(if text.contains('\r') { text.replace("\r\n", "\n") } else { text })
}

/// The path of a name in a folder.
fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
