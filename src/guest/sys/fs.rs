//! Files and directories, each reached by one name in a directory that is held open.

use std::{
    ffi::{CStr, c_char, c_int, c_long},
    fs::File,
    io,
    os::fd::{AsRawFd, OwnedFd},
    path::Path,
};

use super::{EFBIG, O_CLOEXEC, c_string, checked, owned};

pub const O_WRONLY: c_int = 1;
pub const O_CREAT: c_int = 0o100;
pub const O_EXCL: c_int = 0o200;
pub const O_NONBLOCK: c_int = 0o4000;
pub const O_PATH: c_int = 0o10_000_000;
#[cfg(not(any(target_arch = "aarch64", target_arch = "arm")))]
mod arch {
    pub const O_DIRECTORY: i32 = 0o200_000;
    pub const O_NOFOLLOW: i32 = 0o400_000;
}
#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
mod arch {
    pub const O_DIRECTORY: i32 = 0o40_000;
    pub const O_NOFOLLOW: i32 = 0o100_000;
}
pub use arch::O_DIRECTORY;
use arch::O_NOFOLLOW;

const AT_REMOVEDIR: c_int = 0x200;
const SYS_OPENAT2: c_long = 437;
const RESOLVE_NO_XDEV: u64 = 1;
const RESOLVE_NO_MAGICLINKS: u64 = 2;
const RESOLVE_NO_SYMLINKS: u64 = 4;
const RESOLVE_BENEATH: u64 = 8;
const FALLOC_FL_KEEP_SIZE: c_int = 1;

#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

// SAFETY: the signatures are those of the C library's headers.
unsafe extern "C" {
    fn openat(dir: c_int, path: *const c_char, flags: c_int, ...) -> c_int;
    fn mkdirat(dir: c_int, path: *const c_char, mode: u32) -> c_int;
    fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int;
    fn renameat(from: c_int, old: *const c_char, to: c_int, new: *const c_char) -> c_int;
    fn symlinkat(target: *const c_char, dir: c_int, path: *const c_char) -> c_int;
    fn fallocate(fd: c_int, mode: c_int, offset: i64, len: i64) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn statvfs(path: *const c_char, stats: *mut u64) -> c_int;
}

/// Open one name in a directory. Never follows a link that stands there.
pub fn open_at(dir: &OwnedFd, name: &str, flags: c_int, mode: u32) -> io::Result<File> {
    let name = c_string(name)?;
    let flags = flags | O_NOFOLLOW | O_CLOEXEC;
    // SAFETY: the name ends in a zero byte and outlives the call; the rest are numbers.
    owned(unsafe { openat(dir.as_raw_fd(), name.as_ptr(), flags, mode) }).map(File::from)
}

/// Open a directory by a path below another, through no link and no mount at all.
pub fn open_beneath(dir: &OwnedFd, path: &str) -> io::Result<OwnedFd> {
    let path = c_string(path)?;
    let how = OpenHow {
        flags: u64::from((O_PATH | O_DIRECTORY | O_CLOEXEC).unsigned_abs()),
        mode: 0,
        resolve: RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    // SAFETY: the path ends in a zero byte, `how` is laid out as the kernel's `open_how` and as
    // long as is said, and both outlive the call.
    let fd = unsafe {
        syscall(
            SYS_OPENAT2,
            dir.as_raw_fd(),
            path.as_ptr(),
            &raw const how,
            size_of::<OpenHow>(),
        )
    };
    owned(c_int::try_from(fd).unwrap_or(-1))
}

pub fn make_dir_at(dir: &OwnedFd, name: &str, mode: u32) -> io::Result<()> {
    let name = c_string(name)?;
    // SAFETY: the name ends in a zero byte and outlives the call.
    checked(unsafe { mkdirat(dir.as_raw_fd(), name.as_ptr(), mode) }).map(drop)
}

pub fn unlink_at(dir: &OwnedFd, name: &str) -> io::Result<()> {
    let name = c_string(name)?;
    // SAFETY: the name ends in a zero byte and outlives the call.
    checked(unsafe { unlinkat(dir.as_raw_fd(), name.as_ptr(), 0) }).map(drop)
}

pub fn remove_dir_at(dir: &OwnedFd, name: &str) -> io::Result<()> {
    let name = c_string(name)?;
    // SAFETY: the name ends in a zero byte and outlives the call.
    checked(unsafe { unlinkat(dir.as_raw_fd(), name.as_ptr(), AT_REMOVEDIR) }).map(drop)
}

pub fn rename_at(dir: &OwnedFd, old: &str, new: &str) -> io::Result<()> {
    let (old, new) = (c_string(old)?, c_string(new)?);
    let fd = dir.as_raw_fd();
    // SAFETY: both names end in a zero byte and outlive the call.
    checked(unsafe { renameat(fd, old.as_ptr(), fd, new.as_ptr()) }).map(drop)
}

pub fn symlink_at(target: &str, dir: &OwnedFd, name: &str) -> io::Result<()> {
    let (target, name) = (c_string(target)?, c_string(name)?);
    // SAFETY: both names end in a zero byte and outlive the call.
    checked(unsafe { symlinkat(target.as_ptr(), dir.as_raw_fd(), name.as_ptr()) }).map(drop)
}

/// Take the blocks a file will need, so that running out of them is known before a byte is lost.
pub fn reserve(file: &File, len: u64) -> io::Result<()> {
    let len = i64::try_from(len).map_err(|_| io::Error::from_raw_os_error(EFBIG))?;
    // SAFETY: takes numbers only, and the file is open.
    checked(unsafe { fallocate(file.as_raw_fd(), FALLOC_FL_KEEP_SIZE, 0, len) }).map(drop)
}

/// Free to us on the file system of a path, in bytes.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    // `struct statvfs` of 64-bit Linux has 112 bytes: the second word is the unit, the fifth the
    // number of free units.
    let mut stats = [0u64; 16];
    let path = c_string(path.to_str().unwrap_or("/"))?;
    // SAFETY: the path ends in a zero byte, and the 128 bytes of `stats` hold what is written.
    checked(unsafe { statvfs(path.as_ptr(), stats.as_mut_ptr()) })?;
    Ok(stats[1].saturating_mul(stats[4]))
}

/// Whether a name could be handed to the calls above.
pub fn nameable(name: &str) -> bool {
    CStr::from_bytes_until_nul(name.as_bytes()).is_err()
}
