//! Which file systems are reached over a network, or behave as if they were.

use std::path::Path;

use crate::error::{Error, Result};

/// The name of the network file system that a directory is on; `None` when it is local.
///
/// # Errors
/// [`Error::Io`] when the directory cannot be looked at.
#[cfg(target_os = "linux")]
pub fn is_network(directory: &Path) -> Result<Option<String>> {
    let magic = magic(directory)
        .map_err(|e| Error::io(format!("cannot look at the file system of {directory:?}"), e))?;
    let fstype = if magic == FUSE { fstype(directory) } else { None };
    Ok(network_name(magic, fstype.as_deref()))
}

/// The name of the network file system that a directory is on; `None` when it is local.
///
/// # Errors
/// [`Error::Io`] when the directory cannot be looked at.
#[cfg(target_os = "macos")]
pub fn is_network(directory: &Path) -> Result<Option<String>> {
    let stat = statfs(directory)
        .map_err(|e| Error::io(format!("cannot look at the file system of {directory:?}"), e))?;
    let name = stat.f_fstypename.iter().take_while(|&&c| c != 0).map(|&c| c as u8 as char);
    let local = stat.f_flags & libc::MNT_LOCAL as u32 != 0;
    Ok((!local).then(|| name.collect()))
}

/// Always `None`: how to tell is not known on this system.
///
/// # Errors
/// None.
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
pub fn is_network(_directory: &Path) -> Result<Option<String>> {
    Ok(None)
}

const FUSE: u32 = 0x6573_5546;

// Kernel file systems whose locks or shared memory do not reach every machine that mounts them.
const NETWORKS: [(u32, &str); 20] = [
    (0x0000_6969, "nfs"),
    (0x0000_517b, "smb"),
    (0xff53_4d42, "cifs"),
    (0xfe53_4d42, "smb2"),
    (0x0102_1997, "9p"),
    (0x5346_414f, "afs"),
    (0x6b41_4653, "afs"),
    (0x00c3_6400, "ceph"),
    (0x7375_7245, "coda"),
    (0x0000_564c, "ncp"),
    (0x0116_1970, "gfs2"),
    (0x7461_636f, "ocfs2"),
    (0x0bd0_0bd0, "lustre"),
    (0x1983_0326, "beegfs"),
    (0x4750_4653, "gpfs"),
    (0xaad7_aaea, "panfs"),
    (0x2003_0528, "orangefs"),
    (0xbacb_acbc, "vmhgfs"),
    (0x786f_4256, "vboxsf"),
    (0x7c7c_6673, "prl_fs"),
];

// FUSE programs by the part of the type after `fuse.`; others (ntfs-3g, bindfs) are local.
const FUSE_NETWORKS: [&str; 28] = [
    "sshfs",
    "s3fs",
    "rclone",
    "glusterfs",
    "gcsfuse",
    "goofys",
    "mountpoint-s3",
    "ceph",
    "ceph-fuse",
    "cephfs",
    "juicefs",
    "moosefs",
    "mfs",
    "mfsmount",
    "lizardfs",
    "saunafs",
    "seaweedfs",
    "weed",
    "blobfuse",
    "blobfuse2",
    "davfs",
    "davfs2",
    "curlftpfs",
    "afpfs",
    "smbnetfs",
    "gvfsd-fuse",
    "nfs",
    "vmhgfs-fuse",
];

/// The name of a network file system by its `statfs` magic and, for FUSE, its type as in
/// `/proc/self/mountinfo` (`fuse.sshfs`); `None` when it is local.
///
/// ```
/// # use holdfast::location::network_name;
/// assert_eq!(network_name(0x6969, None).as_deref(), Some("nfs"));
/// assert_eq!(network_name(0xef53, None), None); // ext4
/// ```
pub fn network_name(magic: u32, fstype: Option<&str>) -> Option<String> {
    if magic == FUSE {
        let fstype = fstype?;
        let program = fstype.strip_prefix("fuse.")?.to_ascii_lowercase();
        return FUSE_NETWORKS.contains(&program.as_str()).then(|| fstype.to_owned());
    }
    NETWORKS.iter().find(|(known, _)| *known == magic).map(|(_, name)| (*name).to_owned())
}

/// The type of the file system of `device`, a (major, minor) pair, in the text of `mountinfo`.
///
/// ```
/// # use holdfast::location::mounted_type;
/// let mounts = "36 35 0:52 / /mnt/a\\040b rw,nosuid shared:1 - fuse.sshfs host:/ rw\n";
/// assert_eq!(mounted_type(mounts, (0, 52)), Some("fuse.sshfs"));
/// ```
pub fn mounted_type(mountinfo: &str, device: (u32, u32)) -> Option<&str> {
    let device = format!("{}:{}", device.0, device.1);
    mountinfo.lines().find_map(|line| {
        // Optional fields, of any number, end at a lone dash; the type comes next.
        let (mount, source) = line.split_once(" - ")?;
        let found = mount.split(' ').nth(2)? == device;
        found.then(|| source.split(' ').next()).flatten()
    })
}

#[cfg(target_os = "linux")]
fn fstype(directory: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;

    let device = std::fs::metadata(directory).ok()?.dev();
    let mounts = std::fs::read("/proc/self/mountinfo").ok()?;
    let device = (libc::major(device), libc::minor(device));
    mounted_type(&String::from_utf8_lossy(&mounts), device).map(str::to_owned)
}

#[cfg(target_os = "linux")]
#[allow(clippy::unnecessary_cast)] // the width of the field differs by platform
fn magic(directory: &Path) -> std::io::Result<u32> {
    statfs(directory).map(|stat| stat.f_type as u32)
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn statfs(directory: &Path) -> std::io::Result<libc::statfs> {
    use std::os::unix::ffi::OsStrExt;

    let path = std::ffi::CString::new(directory.as_os_str().as_bytes())?;
    // SAFETY: all-zero is a valid statfs, which the call then fills.
    let mut stat: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the path is terminated and the buffer of the right type.
    match unsafe { libc::statfs(path.as_ptr(), &mut stat) } {
        -1 => Err(std::io::Error::last_os_error()),
        _ => Ok(stat),
    }
}
