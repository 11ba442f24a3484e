use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use holdfast::options::Options;

use super::{home, kept_in, mode, options, refused, resolve};

/// Run `body` in a process of its own, since it changes what belongs to the whole process.
fn in_a_child(test: &str, body: impl FnOnce()) {
    if std::env::var_os("HOLDFAST_TEST_CHILD").is_some() {
        return body();
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("HOLDFAST_TEST_CHILD", "1")
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&child.stdout);
    let err = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && out.contains("1 passed"), "{out}{err}");
}

#[test]
fn threads_that_open_a_new_file_at_once_agree() {
    let (_dir, home) = home();
    for round in 0..50 {
        let path = format!("{round}/a.db");
        let found = std::thread::scope(|scope| {
            let open = || scope.spawn(|| resolve(&path, &kept_in(&home)).unwrap());
            [open(), open(), open(), open()].map(|thread| thread.join().unwrap())
        });
        assert!(found.iter().all(|one| *one == found[0]));
    }
}

#[test]
fn memory_is_a_private_file_that_can_be_removed() {
    let (_dir, home) = home();
    let one = resolve(":memory:", &Options { create: false, ..options() }).unwrap();
    let two = resolve(":memory:", &kept_in(&home.join("unused"))).unwrap();
    assert!(one.temporary && one.path != two.path && one.id != two.id);
    let parent = one.path.parent().unwrap();
    assert!(parent.starts_with(std::env::temp_dir().canonicalize().unwrap()));
    assert_eq!(one.path.file_name().unwrap(), "memory.db");
    assert_eq!((mode(&one.path), mode(parent)), (0o600, 0o700));
    fs::write(parent.join("memory.db-wal"), "").unwrap();
    for found in [&one, &one, &two] {
        found.remove().unwrap();
        assert!(!found.path.parent().unwrap().exists());
    }
    assert!(!home.join("unused").exists());
}

#[test]
fn the_umask_neither_widens_nor_narrows_what_is_made() {
    in_a_child("location::permissions::the_umask_neither_widens_nor_narrows_what_is_made", || {
        let (_dir, home) = home();
        for umask in [0o000, 0o022, 0o277, 0o777] {
            unsafe { libc::umask(umask) };
            let data = home.join(umask.to_string());
            let found = resolve("sub/a.db", &kept_in(&data)).unwrap();
            let memory = resolve(":memory:", &options()).unwrap();
            let modes = [&data, &data.join("sub"), memory.path.parent().unwrap()].map(mode);
            assert_eq!((modes, mode(&found.path)), ([0o700; 3], 0o600), "umask {umask:o}");
            assert_eq!(mode(&memory.path), 0o600);
            memory.remove().unwrap();
        }
    });
}

#[test]
fn missing_permissions_are_named() {
    in_a_child("location::permissions::missing_permissions_are_named", || {
        let (_dir, home) = home();
        fs::set_permissions(&home, Permissions::from_mode(0o755)).unwrap();
        for (name, mode) in [("open", 0o777), ("closed", 0o555), ("hidden", 0o600)] {
            fs::create_dir(home.join(name)).unwrap();
            fs::write(home.join(name).join("a.db"), "").unwrap();
            let file = if name == "open" { 0o444 } else { 0o666 };
            fs::set_permissions(home.join(name).join("a.db"), Permissions::from_mode(file))
                .unwrap();
            fs::set_permissions(home.join(name), Permissions::from_mode(mode)).unwrap();
        }
        fs::write(home.join("open/secret.db"), "").unwrap();
        fs::set_permissions(home.join("open/secret.db"), Permissions::from_mode(0o000)).unwrap();
        if unsafe { libc::geteuid() } == 0 {
            assert_eq!(unsafe { libc::setgid(65534) | libc::setuid(65534) }, 0);
        }
        let read_only = Options { read_only: true, ..options() };
        refused(home.join("open/a.db"), &options(), "cannot be written by user");
        refused(home.join("open/a.db"), &options(), "its mode is 0444");
        resolve(home.join("open/a.db"), &read_only).unwrap();
        refused(home.join("open/secret.db"), &read_only, "cannot be read by user");
        refused(home.join("closed/a.db"), &options(), "its directory");
        resolve(home.join("closed/a.db"), &read_only).unwrap();
        refused(home.join("closed/new.db"), &options(), "cannot be created");
        refused("new/a.db", &kept_in(&home.join("closed")), "cannot be created");
        refused(home.join("hidden/a.db"), &options(), "Permission denied");
        resolve("a.db", &Options { read_only: true, ..kept_in(&home.join("closed")) }).unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_another_library_has_locked_keeps_its_locks() {
    let (_dir, home) = home();
    let path = resolve(home.join("a.db"), &options()).unwrap().path;
    let file = fs::File::options().read(true).write(true).open(&path).unwrap();
    // SAFETY: all zero is a valid lock, of the whole file; the descriptor is open.
    unsafe {
        let mut lock: libc::flock = std::mem::zeroed();
        lock.l_type = libc::F_WRLCK as libc::c_short;
        assert_eq!(libc::fcntl(std::os::fd::AsRawFd::as_raw_fd(&file), libc::F_SETLK, &lock), 0);
    }
    let device = fs::metadata(&path).unwrap();
    // Other threads' locks come and go, and a read of the table in between can miss lines.
    let seen = || {
        let locks = fs::read_to_string("/proc/locks").unwrap();
        let (pid, inode) = (std::process::id().to_string(), format!(":{}", device.ino()));
        let ours = |line: &&str| line.contains(&pid) && line.contains(&inode);
        locks.lines().filter(ours).count()
    };
    let held = || (0..20).map(|_| seen()).max().unwrap();
    let before = held();
    assert!(before > 0);
    resolve(&path, &options()).unwrap();
    resolve("a.db", &kept_in(&home)).unwrap();
    assert_eq!(held(), before);
}
