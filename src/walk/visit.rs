//! What a thread of a walk does: it goes through folders, and looks at files.

use std::ffi::{CStr, CString};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::entries::{Entry, Kind, entries};
use super::read::{self, Folder};
use super::rules::Rules;
use super::{Item, Shared, WEIGHT, found, join};

/// Files that a thread looks at in a row, so that a large folder keeps all of them busy.
const FILES: usize = 64;

/// A folder that was entered.
pub(super) struct Place {
    folder: Folder,
    /// Below the root; empty for the root itself.
    path: String,
    /// Whether that is its name, or only resembles one that is not UTF-8.
    is_text: bool,
    rules: Option<Arc<Rules>>,
}

impl Place {
    pub(super) fn root(folder: Folder) -> Place {
        Place { folder, path: String::new(), is_text: true, rules: None }
    }
}

/// Something to do.
pub(super) enum Task {
    /// Go through a folder.
    Look(Place),
    /// Go through one in another.
    Enter(Arc<Place>, CString),
    /// Look at files.
    Files(Arc<Place>, Vec<CString>),
}

/// Ends the queue when the last thread leaves, also by a panic.
struct Leaving<'a>(&'a Shared);

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if self.0.threads.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.queue.end();
        }
    }
}

impl Shared {
    /// Do what there is to do, until all is done.
    pub(super) fn work(&self) {
        let _leaving = Leaving(self);
        while let Some((task, _running)) = self.tasks.next() {
            let goes_on = match task {
                Task::Look(place) => self.look(place),
                Task::Enter(above, name) => self.enter(&above, &name),
                Task::Files(place, names) => names.iter().all(|name| self.file(&place, name)),
            };
            if !goes_on {
                self.tasks.stop();
            }
        }
    }

    /// Nobody takes any more when it is `false`, here as below.
    fn problem(&self, path: String, why: String) -> bool {
        self.queue.push(Item::Problem(path, why), WEIGHT)
    }

    fn unreadable(&self, path: String, error: &io::Error) -> bool {
        let path = if path.is_empty() { ".".into() } else { path };
        self.queue.push(Item::Unreadable(path, read::why(error)), WEIGHT)
    }

    fn enter(&self, above: &Place, name: &CStr) -> bool {
        let path = join(&above.path, &name.to_string_lossy());
        let is_text = above.is_text && name.to_str().is_ok();
        match above.folder.enter(name) {
            Ok(folder) => {
                let rules = above.rules.clone();
                self.look(Place { folder, path, is_text, rules })
            }
            Err(error) => self.unreadable(path, &error),
        }
    }

    fn look(&self, mut place: Place) -> bool {
        let found = match entries(&place.folder) {
            Ok(found) => found,
            Err(error) => return self.unreadable(place.path, &error),
        };
        if self.gitignore {
            let mut has = [false; 2];
            for kind in found.iter().filter_map(|entry| Rules::kind(&entry.name)) {
                has[kind] = true;
            }
            let above = place.rules.take();
            let (rules, problems) = Rules::of(&place.folder, &place.path, has, above);
            place.rules = rules;
            if !problems.into_iter().all(|(path, why)| self.problem(path, why)) {
                return false;
            }
        }
        let place = Arc::new(place);
        let mut files = Vec::new();
        for entry in found {
            match self.kind(&place, &entry) {
                Kind::Folder => self.tasks.add(Task::Enter(place.clone(), entry.name)),
                Kind::File => files.push(entry.name),
                _ => {}
            }
            if files.len() == FILES {
                self.tasks.add(Task::Files(place.clone(), std::mem::take(&mut files)));
            }
        }
        files.iter().all(|name| self.file(&place, name))
    }

    /// What a name is, `Other` if it is nothing to look at.
    fn kind(&self, place: &Place, entry: &Entry) -> Kind {
        let name = entry.name.as_c_str();
        if name == c".git" || (!self.hidden && name.to_bytes().starts_with(b".")) {
            return Kind::Other;
        }
        let kind = match entry.kind {
            Kind::Unknown => match place.folder.status(name).map(|(mode, _)| mode) {
                Ok(libc::S_IFREG) => Kind::File,
                Ok(libc::S_IFDIR) => Kind::Folder,
                _ => Kind::Other,
            },
            known => known,
        };
        let is_folder = match kind {
            Kind::Folder => true,
            Kind::File => false,
            _ => return Kind::Other,
        };
        let path = join(&place.path, &name.to_string_lossy());
        let wanted = is_folder || self.patterns.matched(Path::new(&path), false).is_ignore();
        let left_out = |rules: &Arc<Rules>| rules.leaves_out(&path, is_folder);
        if wanted && !place.rules.as_ref().is_some_and(left_out) { kind } else { Kind::Other }
    }

    fn file(&self, place: &Place, name: &CStr) -> bool {
        self.matched.fetch_add(1, Ordering::Relaxed);
        let path = join(&place.path, &name.to_string_lossy());
        let known = self.known.get(&path);
        if let Some((_, seen)) = known {
            seen.store(true, Ordering::Relaxed);
        }
        let stamp = match place.folder.status(name) {
            Ok((_, stamp)) => stamp,
            Err(error) => return self.problem(path, read::why(&error)),
        };
        if known.is_some_and(|(known, _)| *known == stamp) {
            self.unchanged.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        if !place.is_text || name.to_str().is_err() {
            return self.problem(path, "its name is not UTF-8".into());
        }
        if stamp.size > self.max_size {
            return self.problem(path, read::too_large(stamp.size, self.max_size));
        }
        let content = place.folder.read_file(name, self.max_size);
        match content.and_then(|content| found(&path, content)) {
            Ok(file) => {
                let bytes = file.body.len() + WEIGHT;
                self.queue.push(Item::File(file), bytes)
            }
            Err(why) => self.problem(path, why),
        }
    }
}
