use std::path::Path;

use holdfast::Error;
use holdfast::location::{is_network, mounted_type, network_name};

#[test]
fn network_file_systems_are_told_from_local_ones() {
    let fuse = 0x6573_5546;
    for (magic, name) in [(0x6969, "nfs"), (0xff53_4d42, "cifs"), (0xfe53_4d42, "smb2")] {
        assert_eq!(network_name(magic, None).as_deref(), Some(name));
    }
    for fstype in ["fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs", "fuse.JuiceFS"] {
        assert_eq!(network_name(fuse, Some(fstype)).as_deref(), Some(fstype));
    }
    for fstype in [None, Some("fuse"), Some("fuseblk"), Some("fuse.bindfs"), Some("virtiofs")] {
        assert_eq!(network_name(fuse, fstype), None);
    }
    for local in [0xef53, 0x0102_1994, 0x5846_5342, 0x9123_683e, 0x794c_7630, 0] {
        assert_eq!(network_name(local, Some("fuse.sshfs")), None);
    }
    assert_eq!(is_network(Path::new("/proc")).unwrap(), None);
    assert!(matches!(is_network(Path::new("/no/such")), Err(Error::Io { .. })));
}

#[test]
fn the_type_of_a_mount_is_found_by_its_device() {
    let mounts = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n\
                  40 22 0:5 / /mnt/a\\040-\\040b rw shared:2 master:1 - fuse.sshfs me@host:/ rw\n\
                  41 22 0:52 / /mnt/c rw - fuse.rclone remote: rw\nnonsense\n";
    assert_eq!(mounted_type(mounts, (0, 5)), Some("fuse.sshfs"));
    assert_eq!(mounted_type(mounts, (0, 52)), Some("fuse.rclone"));
    assert_eq!(mounted_type(mounts, (8, 1)), Some("ext4"));
    assert_eq!(mounted_type(mounts, (9, 9)), None);
}
