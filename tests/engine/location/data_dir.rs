use std::ffi::CString;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{home, kept_in, mode, refused, resolve};

#[test]
fn a_data_dir_is_made_private_with_what_is_below() {
    let (_dir, home) = home();
    fs::set_permissions(&home, Permissions::from_mode(0o755)).unwrap();
    let options = kept_in(&home.join("state/app"));
    let found = resolve("x/./y//a.db", &options).unwrap();
    assert_eq!(found.path, home.join("state/app/x/y/a.db"));
    for made in ["state", "state/app", "state/app/x", "state/app/x/y"] {
        assert_eq!(mode(&home.join(made)), 0o700, "{made}");
    }
    assert_eq!(mode(&home), 0o755, "what was there keeps its mode");
    fs::set_permissions(home.join("state/app"), Permissions::from_mode(0o750)).unwrap();
    assert_eq!(resolve(&found.path, &options).unwrap(), found);
    assert_eq!(mode(&home.join("state/app")), 0o750);
}

#[test]
fn nothing_leaves_the_data_dir() {
    let (_dir, home) = home();
    let (data, outside) = (home.join("data"), home.join("outside"));
    fs::create_dir_all(data.join("sub")).unwrap();
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a.db"), "").unwrap();
    symlink(&outside, data.join("away")).unwrap();
    symlink("sub", data.join("alias")).unwrap();
    symlink(&data, data.join("back")).unwrap();
    symlink(outside.join("a.db"), data.join("a.db")).unwrap();
    symlink("sub/none.db", data.join("dangling.db")).unwrap();
    let options = kept_in(&data);
    for path in ["../outside/a.db", "sub/../b.db", "x/../../outside/b.db"] {
        refused(path, &options, "`..`");
        refused(data.join(path), &options, "`..`");
    }
    for path in ["away/b.db", "alias/b.db", "back/b.db", "a.db", "dangling.db", "away/x/b.db"] {
        refused(path, &options, "symbolic link");
        refused(data.join(path), &options, "symbolic link");
    }
    refused(outside.join("a.db"), &options, "outside the data directory");
    refused(home.join("database/a.db"), &options, "outside the data directory");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert!(!data.join("x").exists());
}

#[test]
fn the_data_dir_itself_may_be_a_link() {
    let (_dir, home) = home();
    fs::create_dir(home.join("real")).unwrap();
    symlink("real", home.join("alias")).unwrap();
    let options = kept_in(&home.join("alias"));
    let found = resolve("a.db", &options).unwrap();
    assert_eq!(found.path, home.join("real/a.db"));
    for name in ["alias/a.db", "real/a.db"] {
        assert_eq!(resolve(home.join(name), &options).unwrap(), found);
    }
    symlink("gone", home.join("dangling")).unwrap();
    refused("a.db", &kept_in(&home.join("dangling")), "symbolic link");
    refused("a.db", &kept_in(&found.path), "Not a directory");
    refused("a.db", &kept_in(Path::new("")), "data directory");
}

#[cfg(target_os = "linux")]
#[test]
fn a_parent_swapped_for_a_link_meanwhile_leads_nothing_outside() {
    let (_dir, home) = home();
    let (data, outside) = (home.join("data"), home.join("outside"));
    fs::create_dir_all(data.join("sub")).unwrap();
    fs::create_dir(&outside).unwrap();
    symlink(&outside, home.join("link")).unwrap();
    let exchange = || {
        let name = |p: PathBuf| CString::new(p.as_os_str().as_bytes()).unwrap();
        let (a, b) = (name(data.join("sub")), name(home.join("link")));
        let (at, swap) = (libc::AT_FDCWD, libc::RENAME_EXCHANGE);
        unsafe { libc::renameat2(at, a.as_ptr(), at, b.as_ptr(), swap) }
    };
    assert_eq!(exchange(), 0);
    assert_eq!(exchange(), 0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                exchange();
            }
        });
        for i in 0..2000 {
            let _ = resolve(format!("sub/{i}.db"), &kept_in(&data));
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}
