//! A parallel walk over the markdown files of a folder: what is new or changed is read, hashed and
//! split into front matter and body.

mod queue;
mod read;

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ignore::{DirEntry, WalkBuilder, WalkState};
use sha2::{Digest, Sha256};

use crate::front_matter::{self, Plain};
use crate::guard;
use crate::patience::{POLL, Patience};
use crate::{Error, Result};
use queue::Queue;
pub use read::{Content, Folder, Stamp};

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
    /// Larger files, in bytes, are not read.
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
    /// A file or directory that could not be read, and why.
    Problem(String, String),
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

struct Shared {
    root: PathBuf,
    folder: Folder,
    patterns: Gitignore,
    max_size: u64,
    known: HashMap<Box<[u8]>, (Stamp, AtomicBool)>,
    queue: Queue<Item>,
    matched: AtomicUsize,
    unchanged: AtomicUsize,
    stopped: AtomicBool,
}

/// A walk that goes on in threads of its own until it is dropped.
pub struct Walk {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    unreadable: Vec<String>,
    generation: u32,
}

impl Walk {
    /// Begin to walk. `known` are the stamps by which files are recognised as unchanged.
    pub fn begin(
        root: &Path,
        options: &WalkOptions,
        known: impl IntoIterator<Item = (String, Stamp)>,
    ) -> Result<Walk> {
        let folder =
            Folder::open(root).map_err(|e| Error::path(root, format!("cannot be walked: {e}")))?;
        let mut patterns = GitignoreBuilder::new("");
        for pattern in &options.patterns {
            patterns.add_line(None, pattern).map_err(|e| Error::Misuse(e.to_string()))?;
        }
        let patterns = patterns.build().map_err(|e| Error::Misuse(e.to_string()))?;
        let known = known
            .into_iter()
            .map(|(path, stamp)| (path.into_bytes().into(), (stamp, AtomicBool::new(false))))
            .collect();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            folder,
            patterns,
            max_size: options.max_size,
            known,
            queue: Queue::new(AHEAD),
            matched: AtomicUsize::new(0),
            unchanged: AtomicUsize::new(0),
            stopped: AtomicBool::new(false),
        });
        let mut builder = WalkBuilder::new(root);
        builder
            .standard_filters(false)
            .hidden(!options.hidden)
            .ignore(options.gitignore)
            .git_ignore(options.gitignore)
            .require_git(false)
            .follow_links(false)
            .filter_entry(|entry| entry.file_name() != ".git")
            .threads(std::thread::available_parallelism().map_or(2, |n| n.get().min(8)));
        let walker = builder.build_parallel();
        let theirs = shared.clone();
        let run = move || {
            walker.run(|| Box::new(|entry| theirs.visit(entry)));
            theirs.queue.end();
        };
        let thread = std::thread::Builder::new()
            .name("holdfast-walk".into())
            .spawn(run)
            .map_err(|e| Error::io("a thread to walk cannot be started", e))?;
        let generation = guard::generation();
        Ok(Walk { shared, thread: Some(thread), unreadable: Vec::new(), generation })
    }

    /// Some of what was found, of about this many bytes; `None` when that was all.
    pub fn next(&mut self, bytes: usize, patience: &Patience<'_>) -> Result<Option<Vec<Item>>> {
        if self.generation != guard::generation() {
            return Err(Error::Fork("the walk"));
        }
        patience.caller().release();
        loop {
            if let Some(items) = self.shared.queue.take(bytes, POLL) {
                for item in &items {
                    if let Item::Problem(path, _) = item {
                        self.unreadable.push(path.clone());
                    }
                }
                return Ok((!items.is_empty()).then_some(items));
            }
            if !patience.caller().proceed() {
                return Err(Error::Interrupted);
            }
        }
    }

    /// How many files were come upon so far, and how many of them have the stamp that was known.
    pub fn progress(&self) -> (usize, usize) {
        let (matched, unchanged) = (&self.shared.matched, &self.shared.unchanged);
        (matched.load(Ordering::Relaxed), unchanged.load(Ordering::Relaxed))
    }

    /// What there was in all; after [`next`](Self::next) has given `None`.
    pub fn summary(&self) -> WalkSummary {
        let shared = &self.shared;
        let missing = shared.known.iter().filter(|(_, (_, seen))| !seen.load(Ordering::Relaxed));
        let missing = missing
            .filter_map(|(path, _)| Some(std::str::from_utf8(path).ok()?.to_owned()))
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

impl Drop for Walk {
    fn drop(&mut self) {
        if self.generation != guard::generation() {
            return;
        }
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.shared.queue.drop_rest();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn visit(&self, entry: std::result::Result<DirEntry, ignore::Error>) -> WalkState {
        if self.stopped.load(Ordering::Relaxed) {
            return WalkState::Quit;
        }
        let pushed = match entry {
            Ok(entry) => self.look(&entry),
            Err(error) => self.report(&error),
        };
        if pushed { WalkState::Continue } else { WalkState::Quit }
    }

    fn report(&self, error: &ignore::Error) -> bool {
        let path = path_of(error).unwrap_or(&self.root);
        let relative = path.strip_prefix(&self.root).unwrap_or(Path::new(""));
        let name = relative.to_string_lossy();
        let name = if name.is_empty() { ".".into() } else { name.into_owned() };
        match error.io_error() {
            Some(e) => self.problem(name, read::why(e)),
            None => self.problem(name, without_path(error)),
        }
    }

    fn problem(&self, path: String, why: String) -> bool {
        self.queue.push(Item::Problem(path, why), WEIGHT)
    }

    fn look(&self, entry: &DirEntry) -> bool {
        // A line of an ignore file that is no pattern, say; the entry itself is fine.
        if let Some(error) = entry.error()
            && !self.report(error)
        {
            return false;
        }
        let Some(kind) = entry.file_type().filter(|kind| kind.is_file()) else { return true };
        let Ok(path) = entry.path().strip_prefix(&self.root) else { return true };
        if !self.patterns.matched(path, kind.is_dir()).is_ignore() {
            return true;
        }
        self.matched.fetch_add(1, Ordering::Relaxed);
        let known = self.known.get(path.as_os_str().as_bytes());
        if let Some((_, seen)) = known {
            seen.store(true, Ordering::Relaxed);
        }
        let stamp = match entry.metadata() {
            Ok(metadata) => Stamp::of(&metadata),
            Err(error) => return self.report(&error),
        };
        if known.is_some_and(|(known, _)| *known == stamp) {
            self.unchanged.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let name = path.to_string_lossy().into_owned();
        if path.to_str().is_none() {
            return self.problem(name, "its name is not UTF-8".into());
        }
        if stamp.size > self.max_size {
            return self.problem(name, read::too_large(stamp.size, self.max_size));
        }
        match self.folder.read(path, self.max_size).and_then(|content| found(&name, content)) {
            Ok(file) => {
                let bytes = file.body.len() + WEIGHT;
                self.queue.push(Item::File(file), bytes)
            }
            Err(why) => self.problem(name, why),
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

/// The path that an error of the walk is about.
fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            path_of(err)
        }
        ignore::Error::Loop { child, .. } => Some(child),
        ignore::Error::Partial(errors) => errors.first().and_then(path_of),
        _ => None,
    }
}

/// An error of the walk in words, which other users of the index may see.
fn without_path(error: &ignore::Error) -> String {
    match error {
        ignore::Error::WithPath { err, .. } | ignore::Error::WithDepth { err, .. } => {
            without_path(err)
        }
        ignore::Error::Partial(errors) => {
            errors.iter().map(without_path).next().unwrap_or_default()
        }
        other => other.to_string(),
    }
}
