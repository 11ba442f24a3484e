//! The names in a folder.

use std::ffi::{CStr, CString};
use std::io;

use super::read::Folder;

/// A name, and what it is as far as the folder tells.
pub(super) struct Entry {
    pub(super) name: CString,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    /// A link, a pipe, a socket, a device.
    Other,
    /// The file system does not tell.
    Unknown,
}

/// Read the names in a folder.
pub(super) fn entries(folder: &Folder) -> io::Result<Vec<Entry>> {
    // SAFETY: the descriptor is open; the copy belongs to the stream from here on.
    let stream = unsafe {
        let copy = libc::fcntl(folder.fd(), libc::F_DUPFD_CLOEXEC, 0);
        if copy == -1 {
            return Err(io::Error::last_os_error());
        }
        let stream = libc::fdopendir(copy);
        if stream.is_null() {
            let error = io::Error::last_os_error();
            libc::close(copy);
            return Err(error);
        }
        stream
    };
    let mut found = Vec::new();
    let result = loop {
        // SAFETY: the stream is open, and used by this thread alone; its entry is good until the
        // next call, and its name is terminated.
        let (name, kind) = unsafe {
            *errno() = 0;
            let entry = libc::readdir(stream);
            if entry.is_null() {
                let code = *errno();
                break if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) };
            }
            (CStr::from_ptr((*entry).d_name.as_ptr()), (*entry).d_type)
        };
        if name != c"." && name != c".." {
            let kind = match kind {
                libc::DT_REG => Kind::File,
                libc::DT_DIR => Kind::Folder,
                libc::DT_UNKNOWN => Kind::Unknown,
                _ => Kind::Other,
            };
            found.push(Entry { name: name.to_owned(), kind });
        }
    };
    // SAFETY: it was opened above, and nothing of it is used any more.
    unsafe { libc::closedir(stream) };
    result.map(|()| found)
}

/// Where the system leaves the number of an error.
unsafe fn errno() -> *mut libc::c_int {
    #[cfg(target_os = "linux")]
    // SAFETY: always valid for the calling thread.
    return unsafe { libc::__errno_location() };
    #[cfg(not(target_os = "linux"))]
    // SAFETY: as above.
    return unsafe { libc::__error() };
}
