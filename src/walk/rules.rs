//! What the ignore files of a folder leave out, with those above it.

use std::ffi::CStr;
use std::path::Path;
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::read::Folder;

/// The files, the strongest first: what any `.ignore` says goes before every `.gitignore`.
const NAMES: [&CStr; 2] = [c".ignore", c".gitignore"];
/// Bytes of one, at most.
const LARGEST: u64 = 1 << 20;

/// The ignore files of one folder.
pub(super) struct Rules {
    above: Option<Arc<Rules>>,
    /// How long the path of the folder is, with its slash.
    prefix: usize,
    matchers: [Option<Gitignore>; 2],
}

impl Rules {
    /// Read the ignore files that a folder has; the errors say which could not be read.
    pub(super) fn of(
        folder: &Folder,
        path: &str,
        has: [bool; 2],
        above: Option<Arc<Rules>>,
    ) -> (Option<Arc<Rules>>, Vec<(String, String)>) {
        let mut problems = Vec::new();
        let mut matchers = [None, None];
        for (kind, name) in NAMES.iter().enumerate().filter(|(kind, _)| has[*kind]) {
            let mut problem = |why| {
                let name = name.to_string_lossy();
                problems.push((super::join(path, &name), why));
            };
            match folder.read_file(name, LARGEST) {
                Err(why) => problem(why),
                Ok(content) => match patterns(&String::from_utf8_lossy(&content.bytes)) {
                    Ok(matcher) => matchers[kind] = Some(matcher),
                    Err(error) => problem(error.to_string()),
                },
            }
        }
        if matchers.iter().all(Option::is_none) {
            return (above, problems);
        }
        let prefix = if path.is_empty() { 0 } else { path.len() + 1 };
        (Some(Arc::new(Rules { above, prefix, matchers })), problems)
    }

    /// Which of the ignore files a name is.
    pub(super) fn kind(name: &CStr) -> Option<usize> {
        NAMES.iter().position(|known| *known == name)
    }

    /// Whether a path below the root is left out.
    pub(super) fn leaves_out(&self, path: &str, is_dir: bool) -> bool {
        for kind in 0..NAMES.len() {
            let mut next = Some(self);
            while let Some(rules) = next {
                if let Some(matcher) = &rules.matchers[kind] {
                    match matcher.matched(Path::new(&path[rules.prefix..]), is_dir) {
                        Match::None => {}
                        found => return found.is_ignore(),
                    }
                }
                next = rules.above.as_deref();
            }
        }
        false
    }
}

impl Drop for Rules {
    /// One by one: in a deep tree the chain is longer than a stack.
    fn drop(&mut self) {
        let mut next = self.above.take();
        while let Some(mut rules) = next.and_then(Arc::into_inner) {
            next = rules.above.take();
        }
    }
}

/// Patterns of a `.gitignore`; lines that are none are left out, as git does.
fn patterns(text: &str) -> Result<Gitignore, ignore::Error> {
    let mut builder = GitignoreBuilder::new("");
    for line in text.trim_start_matches('\u{feff}').lines() {
        let _ = builder.add_line(None, line);
    }
    builder.build()
}
