mod data_dir;
mod network;
mod permissions;

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use holdfast::location::{FileId, Location};
use holdfast::options::Options;
use holdfast::{Error, Result};
use tempfile::TempDir;

fn home() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().canonicalize().unwrap();
    (dir, path)
}

fn options() -> Options {
    Options::default()
}

fn kept_in(data_dir: &Path) -> Options {
    Options { data_dir: Some(data_dir.to_owned()), ..options() }
}

fn resolve(path: impl AsRef<Path>, options: &Options) -> Result<Location> {
    Location::resolve(path.as_ref(), options)
}

/// Refused with a path error that names the path as given and has these words in it.
#[track_caller]
fn refused(path: impl AsRef<Path>, options: &Options, words: &str) {
    match resolve(path.as_ref(), options) {
        Err(Error::Path { path: named, problem }) => {
            assert_eq!(named, path.as_ref());
            assert!(problem.contains(words), "{problem:?} does not say {words:?}");
        }
        other => panic!("{:?} gave {other:?}, not an error with {words:?}", path.as_ref()),
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn a_missing_file_is_made_empty_and_private() {
    let (_dir, home) = home();
    let found = resolve(home.join("app.db"), &options()).unwrap();
    assert_eq!(found.path, home.join("app.db"));
    assert_eq!(found.id, FileId::of(&found.path).unwrap());
    assert!(!found.temporary);
    assert_eq!((mode(&found.path), fs::metadata(&found.path).unwrap().len()), (0o600, 0));
    found.remove().unwrap();
    assert!(found.path.exists(), "only temporary files are removed");
}

#[test]
fn an_existing_file_keeps_its_mode_and_content() {
    let (_dir, home) = home();
    let path = home.join("app.db");
    fs::write(&path, "content").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    resolve(&path, &options()).unwrap();
    assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o644, b"content".to_vec()));
}

#[test]
fn a_missing_file_is_an_error_without_create_and_for_read_only() {
    let (_dir, home) = home();
    let (path, data_dir) = (home.join("app.db"), home.join("data"));
    refused(&path, &Options { create: false, ..options() }, "open it with create");
    refused(&path, &Options { read_only: true, ..options() }, "read_only never makes one");
    refused("a.db", &Options { create: false, ..kept_in(&data_dir) }, "does not exist");
    refused("x/a.db", &Options { read_only: true, ..kept_in(&home) }, "does not exist");
    refused(":memory:", &Options { read_only: true, ..options() }, "read_only");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0, "nothing was made");
}

#[test]
fn names_that_cannot_be_databases_are_refused() {
    let (_dir, home) = home();
    for options in [options(), kept_in(&home)] {
        refused("", &options, "empty");
        refused("a\0b", &options, "NUL");
        refused("file:a.db?mode=ro", &options, "URI");
        refused("FiLe::memory:", &options, "URI");
        for name in ["a.db-wal", "a.db-SHM", "-journal"] {
            refused(home.join(name), &options, "SQLite's own");
        }
        for name in ["a/", "a/.", "a/..", "/", ".", "..", ":memory:/"] {
            refused(name, &options, "directory");
        }
        refused(&home, &options, "directory");
        refused(home.join("n".repeat(248)), &options, "too long");
        refused(home.join("n".repeat(256)).join("a"), &options, "File name too long");
    }
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
}

#[test]
fn unusual_names_are_fine() {
    let (_dir, home) = home();
    let bytes = OsString::from_vec(b"caf\xe9 \xff.db".to_vec());
    let names = ["名前 🦀.db", "a b'\"%?#.db", "-wal.db", "..a", "a:memory:", "n\nl"];
    let long = "n".repeat(247);
    let all = names.into_iter().chain([long.as_str()]).map(OsStr::new).chain([bytes.as_os_str()]);
    for name in all {
        let plain = resolve(home.join(name), &options()).unwrap();
        assert_eq!(plain.path, home.join(name));
        assert_eq!(resolve(name, &kept_in(&home)).unwrap(), plain);
    }
}

#[test]
fn what_is_too_long_for_sqlite_is_refused_and_no_less() {
    let (_dir, home) = home();
    let name = |length: usize| {
        let middle = "d".repeat(200);
        let used = home.join(&middle).as_os_str().len() + 1;
        Path::new(&middle).join("e".repeat(200)).join("n".repeat(length - used - 201))
    };
    let longest = resolve(name(504), &kept_in(&home)).unwrap();
    assert_eq!(longest.path.as_os_str().len(), 504);
    let db = rusqlite::Connection::open(&longest.path).unwrap();
    db.execute_batch("pragma journal_mode = wal; create table t(x)").unwrap();
    refused(name(505), &kept_in(&home), "nearer the root");
    assert!(rusqlite::Connection::open(home.join(name(505))).is_err());
}

#[test]
fn only_regular_files_are_opened() {
    let (_dir, home) = home();
    let pipe = CString::new(home.join("pipe").as_os_str().as_bytes()).unwrap();
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    let _socket = std::os::unix::net::UnixListener::bind(home.join("socket")).unwrap();
    fs::create_dir(home.join("folder")).unwrap();
    for options in [options(), kept_in(&home)] {
        refused(home.join("pipe"), &options, "named pipe");
        refused(home.join("socket"), &options, "socket");
        refused(home.join("folder"), &options, "directory");
    }
    refused("/dev/null", &options(), "device");
}

#[test]
fn hard_links_are_refused() {
    let (_dir, home) = home();
    fs::write(home.join("a.db"), "").unwrap();
    fs::hard_link(home.join("a.db"), home.join("b.db")).unwrap();
    symlink("a.db", home.join("link.db")).unwrap();
    refused(home.join("a.db"), &options(), "2 names");
    refused(home.join("link.db"), &options(), "2 names");
    refused("b.db", &kept_in(&home), "2 names");
    fs::remove_file(home.join("b.db")).unwrap();
    resolve(home.join("a.db"), &options()).unwrap();
}

#[test]
fn all_names_without_a_data_dir_lead_to_one_canonical_file() {
    let (_dir, home) = home();
    fs::create_dir_all(home.join("real/sub")).unwrap();
    symlink("real", home.join("alias")).unwrap();
    symlink("../alias/app.db", home.join("real/link.db")).unwrap();
    let first = resolve(home.join("real/app.db"), &options()).unwrap();
    for name in ["alias/app.db", "real/link.db", "alias/sub/../app.db", "./real//app.db"] {
        assert_eq!(resolve(home.join(name), &options()).unwrap(), first, "{name}");
    }
}

#[test]
fn links_that_lead_nowhere_good_are_refused() {
    let (_dir, home) = home();
    symlink("gone.db", home.join("dangling.db")).unwrap();
    symlink("loop.db", home.join("loop.db")).unwrap();
    symlink("a.db-wal", home.join("log.db")).unwrap();
    fs::write(home.join("a.db-wal"), "").unwrap();
    refused(home.join("dangling.db"), &options(), "leads nowhere");
    refused(home.join("loop.db"), &options(), "leads nowhere");
    refused(home.join("log.db"), &options(), "SQLite's own");
    refused(home.join("loop.db/a.db"), &options(), "cannot be entered");
    refused(home.join("missing/a.db"), &options(), "create it first");
    refused(home.join("a.db-wal/a.db"), &options(), "Not a directory");
    assert!(!home.join("gone.db").exists());
}
