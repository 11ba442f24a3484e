//! Walks over folders of markdown, with files that are moved, swapped and broken meanwhile.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use holdfast::walk::{Found, Item, Stamp, Walk, WalkOptions, WalkSummary, read_markdown};
use holdfast::{Error, Patience};

fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
}

struct Seen {
    files: Vec<Found>,
    problems: Vec<(String, String)>,
    summary: WalkSummary,
}

impl Seen {
    fn paths(&self) -> Vec<&str> {
        self.files.iter().map(|file| file.path.as_str()).collect()
    }
}

fn walk(root: &Path, options: &WalkOptions, known: Vec<(String, Stamp)>) -> Seen {
    let mut walk = Walk::begin(root, options, known).unwrap();
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    while let Some(items) = walk.next(1000, &Patience::unbounded()).unwrap() {
        for item in items {
            match item {
                Item::File(file) => files.push(file),
                Item::Problem(path, why) | Item::Unreadable(path, why) => {
                    problems.push((path, why))
                }
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    problems.sort();
    Seen { files, problems, summary: walk.summary() }
}

fn all(root: &Path) -> Seen {
    walk(root, &WalkOptions::default(), Vec::new())
}

#[test]
fn markdown_is_found_hashed_and_split() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a/b/c.md", b"\xef\xbb\xbf---\r\ntitle: x\r\n---\r\n# Head\r\n");
    write(root.path(), "other.txt", "");
    let seen = all(root.path());
    assert_eq!(seen.paths(), ["a/b/c.md"]);
    let file = &seen.files[0];
    assert_eq!((file.heading.as_deref(), file.body.as_str()), (Some("Head"), "# Head"));
    assert_eq!(file.hash.len(), 64);
    assert!(!file.settled, "it was written just now");
    assert_eq!(seen.summary, WalkSummary { scanned: 1, unchanged: 0, missing: Vec::new() });
}

#[test]
fn a_file_is_known_by_its_stamp_and_missed_when_it_is_gone() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "kept.md", "a");
    write(root.path(), "changed.md", "a");
    let old = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(root.path().join("kept.md")).unwrap().set_modified(old).unwrap();
    let mut known: Vec<_> =
        all(root.path()).files.into_iter().map(|file| (file.path, file.stamp)).collect();
    known.push(("gone.md".into(), known[0].1));
    write(root.path(), "changed.md", "ab");
    let seen = walk(root.path(), &WalkOptions::default(), known);
    assert_eq!(seen.paths(), ["changed.md"]);
    assert_eq!(
        seen.summary,
        WalkSummary { scanned: 2, unchanged: 1, missing: vec!["gone.md".into()] }
    );
}

#[test]
fn ignore_files_hidden_names_and_patterns_decide() {
    let root = tempfile::tempdir().unwrap();
    for path in ["a.md", "drafts/b.md", ".hidden/c.md", "out/d.md", "sub/e.md", ".git/f.md"] {
        write(root.path(), path, path);
    }
    write(root.path(), ".gitignore", "out/\n");
    write(root.path(), "sub/.ignore", "*.md\n");
    assert_eq!(all(root.path()).paths(), ["a.md", "drafts/b.md"]);
    let options = WalkOptions {
        patterns: vec!["**/*.md".into(), "!drafts/**".into()],
        hidden: true,
        gitignore: false,
        ..Default::default()
    };
    let seen = walk(root.path(), &options, Vec::new());
    assert_eq!(seen.paths(), [".hidden/c.md", "a.md", "out/d.md", "sub/e.md"]);
}

#[test]
fn an_ignore_file_further_down_and_a_later_line_decide() {
    let root = tempfile::tempdir().unwrap();
    for path in ["a.md", "keep/b.md", "keep/c.md", "gone/d.md", "gone/e/f.md"] {
        write(root.path(), path, path);
    }
    write(root.path(), ".gitignore", "[\n*.md\n!/a.md\ngone/\n");
    write(root.path(), "keep/.gitignore", "!b.md\n");
    write(root.path(), "gone/.gitignore", "!*.md\n");
    let seen = all(root.path());
    assert_eq!(seen.paths(), ["a.md", "keep/b.md"], "what is below a folder left out stays out");
    assert!(seen.problems.is_empty(), "{:?}", seen.problems);
}

#[test]
fn an_ignore_file_that_is_none_keeps_nobody_waiting() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "a.md", "a");
    let pipe = std::ffi::CString::new(root.path().join(".gitignore").to_str().unwrap()).unwrap();
    // SAFETY: the path is a terminated string.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    fs::create_dir(root.path().join(".ignore")).unwrap();
    let seen = all(root.path());
    assert_eq!(seen.paths(), ["a.md"]);
    let problems: Vec<_> = seen.problems.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(problems, [".gitignore", ".ignore"]);
}

#[test]
fn a_chain_of_ignore_files_is_longer_than_a_stack() {
    let root = tempfile::tempdir().unwrap();
    let mut path = root.path().to_owned();
    // As deep as a path may be long; each folder has one.
    for _ in 0..1500 {
        fs::write(path.join(".gitignore"), "x\n").unwrap();
        path.push("d");
        fs::create_dir(&path).unwrap();
    }
    fs::write(path.join("a.md"), "a").unwrap();
    assert_eq!(all(root.path()).files.len(), 1);
}

#[test]
fn nothing_is_read_through_a_link() {
    let (root, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(outside.path(), "secret.md", "secret");
    symlink(outside.path(), root.path().join("folder")).unwrap();
    symlink(outside.path().join("secret.md"), root.path().join("file.md")).unwrap();
    symlink(".", root.path().join("loop")).unwrap();
    let seen = all(root.path());
    assert!(seen.files.is_empty() && seen.problems.is_empty());
    symlink(root.path(), outside.path().join("root")).unwrap();
    let root_link = outside.path().join("root");
    assert!(Walk::begin(&root_link, &WalkOptions::default(), Vec::new()).is_err());
    assert!(read_markdown(&root_link, "real.md", 1000).is_err());
    for path in ["file.md", "folder/secret.md", "../secret.md", "loop/file.md", "", "/etc/passwd"] {
        let refused = read_markdown(root.path(), path, 1000);
        assert!(matches!(refused, Err(Error::Path { .. })), "{path:?}");
    }
}

#[test]
fn what_cannot_be_read_is_a_problem_and_the_rest_goes_on() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "good.md", "good");
    write(root.path(), "latin.md", b"caf\xe9");
    write(root.path(), "large.md", vec![b'x'; 200]);
    fs::create_dir(root.path().join("folder.md")).unwrap();
    let options = WalkOptions { max_size: 100, ..Default::default() };
    let seen = walk(root.path(), &options, Vec::new());
    assert_eq!(seen.paths(), ["good.md"]);
    let problems: Vec<_> = seen.problems.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(problems, ["large.md", "latin.md"]);
    assert!(seen.problems[1].1.contains("from byte 3"), "{:?}", seen.problems);
}

#[test]
fn a_walk_that_is_dropped_ends_though_nobody_takes_what_it_finds() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..60 {
        write(root.path(), &format!("{number}.md"), vec![b'x'; 1 << 20]);
    }
    let mut walk = Walk::begin(root.path(), &WalkOptions::default(), Vec::new()).unwrap();
    assert!(walk.next(1, &Patience::unbounded()).unwrap().is_some());
    drop(walk);
}

#[test]
fn all_can_be_asked_for_at_once() {
    let root = tempfile::tempdir().unwrap();
    for number in 0..40 {
        write(root.path(), &format!("{number}.md"), vec![b'x'; 1 << 20]);
    }
    let mut walk = Walk::begin(root.path(), &WalkOptions::default(), Vec::new()).unwrap();
    let mut found = 0;
    while let Some(items) = walk.next(usize::MAX, &Patience::unbounded()).unwrap() {
        found += items.len();
    }
    assert_eq!(found, 40);
}

#[test]
fn a_file_that_took_the_place_of_a_folder_hides_nothing_of_it() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "notes.md/b.md", "b");
    let known: Vec<_> = all(root.path()).files.into_iter().map(|f| (f.path, f.stamp)).collect();
    fs::remove_dir_all(root.path().join("notes.md")).unwrap();
    write(root.path(), "notes.md", b"caf\xe9");
    let seen = walk(root.path(), &WalkOptions::default(), known);
    assert_eq!(seen.summary.missing, ["notes.md/b.md"]);
    assert_eq!(seen.problems.len(), 1);
}

#[test]
fn a_folder_that_is_none_is_refused() {
    let root = tempfile::tempdir().unwrap();
    write(root.path(), "file", "");
    for path in ["file", "missing"] {
        let path = root.path().join(path);
        let refused = Walk::begin(&path, &WalkOptions::default(), Vec::new());
        assert!(matches!(refused, Err(Error::Path { .. })));
    }
}
