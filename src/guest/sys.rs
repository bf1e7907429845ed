//! The system calls std has no word for; the only unsafe code of this program.

use std::{
    ffi::{CStr, CString, c_char, c_int, c_long, c_short, c_ulong, c_void},
    fs::File,
    io,
    net::{SocketAddr, TcpStream},
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Command, ExitStatus},
};

pub const O_WRONLY: c_int = 1;
pub const O_CREAT: c_int = 0o100;
pub const O_EXCL: c_int = 0o200;
pub const O_NONBLOCK: c_int = 0o4000;
const O_CLOEXEC: c_int = 0o2_000_000;
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
pub use arch::{O_DIRECTORY, O_NOFOLLOW};

pub const ENOENT: i32 = 2;
pub const EACCES: i32 = 13;
pub const EXDEV: i32 = 18;
pub const ENOTDIR: i32 = 20;
pub const EISDIR: i32 = 21;
pub const EINVAL: i32 = 22;
pub const EFBIG: i32 = 27;
pub const ENOSPC: i32 = 28;
pub const ENOTEMPTY: i32 = 39;
pub const ELOOP: i32 = 40;
const EINPROGRESS: i32 = 115;
pub const EDQUOT: i32 = 122;

pub const SIGINT: i32 = 2;
pub const SIGKILL: i32 = 9;
pub const SIGTERM: i32 = 15;
pub const SIGCHLD: i32 = 17;

pub const POLLIN: i16 = 1;
pub const POLLOUT: i16 = 4;
pub const POLLERR: i16 = 8;
pub const POLLHUP: i16 = 16;

const AT_REMOVEDIR: c_int = 0x200;
const SYS_CLOSE_RANGE: c_long = 436;
const SYS_OPENAT2: c_long = 437;
const RESOLVE_NO_MAGICLINKS: u64 = 2;
const RESOLVE_NO_XDEV: u64 = 1;
const RESOLVE_NO_SYMLINKS: u64 = 4;
const RESOLVE_BENEATH: u64 = 8;
const PR_SET_CHILD_SUBREAPER: c_int = 36;
const FALLOC_FL_KEEP_SIZE: c_int = 1;
const F_GETFL: c_int = 3;
const F_SETFL: c_int = 4;
const WNOHANG: c_int = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const SOCK_STREAM: c_int = 1;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct PollFd {
    fd: c_int,
    events: c_short,
    pub revents: c_short,
}

#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// As wide as in every Linux C library.
#[repr(C)]
struct SigSet([c_ulong; 128 / size_of::<c_ulong>()]);

unsafe extern "C" {
    fn openat(dir: c_int, path: *const c_char, flags: c_int, ...) -> c_int;
    fn mkdirat(dir: c_int, path: *const c_char, mode: u32) -> c_int;
    fn unlinkat(dir: c_int, path: *const c_char, flags: c_int) -> c_int;
    fn renameat(from: c_int, old: *const c_char, to: c_int, new: *const c_char) -> c_int;
    fn symlinkat(target: *const c_char, dir: c_int, path: *const c_char) -> c_int;
    fn fallocate(fd: c_int, mode: c_int, offset: i64, len: i64) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn poll(fds: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
    fn sigemptyset(set: *mut SigSet) -> c_int;
    fn sigaddset(set: *mut SigSet, signal: c_int) -> c_int;
    fn sigprocmask(how: c_int, set: *const SigSet, old: *mut SigSet) -> c_int;
    fn signalfd(fd: c_int, set: *const SigSet, flags: c_int) -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, flags: c_int) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn setsid() -> c_int;
    fn prctl(option: c_int, ...) -> c_int;
    fn umask(mask: u32) -> u32;
    fn socket(family: c_int, kind: c_int, protocol: c_int) -> c_int;
    fn connect(fd: c_int, address: *const c_void, len: u32) -> c_int;
}

fn checked(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn c_string(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::Error::from_raw_os_error(EINVAL))
}

/// SAFETY of every call below: strings are NUL-terminated and outlive the call, structures are laid
/// out as the kernel's, and a descriptor is owned as soon as it exists.
fn owned(fd: c_int) -> io::Result<OwnedFd> {
    let fd = checked(fd)?;
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Open one name in a directory. Never follows a link that stands there.
pub fn open_at(dir: &OwnedFd, name: &str, flags: c_int, mode: u32) -> io::Result<File> {
    let name = c_string(name)?;
    let flags = flags | O_NOFOLLOW | O_CLOEXEC;
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
    let fd = unsafe {
        syscall(SYS_OPENAT2, dir.as_raw_fd(), path.as_ptr(), &raw const how, size_of::<OpenHow>())
    };
    owned(c_int::try_from(fd).unwrap_or(-1))
}

pub fn make_dir_at(dir: &OwnedFd, name: &str, mode: u32) -> io::Result<()> {
    let name = c_string(name)?;
    checked(unsafe { mkdirat(dir.as_raw_fd(), name.as_ptr(), mode) }).map(drop)
}

pub fn unlink_at(dir: &OwnedFd, name: &str) -> io::Result<()> {
    let name = c_string(name)?;
    checked(unsafe { unlinkat(dir.as_raw_fd(), name.as_ptr(), 0) }).map(drop)
}

pub fn remove_dir_at(dir: &OwnedFd, name: &str) -> io::Result<()> {
    let name = c_string(name)?;
    checked(unsafe { unlinkat(dir.as_raw_fd(), name.as_ptr(), AT_REMOVEDIR) }).map(drop)
}

pub fn rename_at(dir: &OwnedFd, old: &str, new: &str) -> io::Result<()> {
    let (old, new) = (c_string(old)?, c_string(new)?);
    let fd = dir.as_raw_fd();
    checked(unsafe { renameat(fd, old.as_ptr(), fd, new.as_ptr()) }).map(drop)
}

pub fn symlink_at(target: &str, dir: &OwnedFd, name: &str) -> io::Result<()> {
    let (target, name) = (c_string(target)?, c_string(name)?);
    checked(unsafe { symlinkat(target.as_ptr(), dir.as_raw_fd(), name.as_ptr()) }).map(drop)
}

/// Take the blocks a file will need, so that running out of them is known before a byte is lost.
pub fn reserve(file: &File, len: u64) -> io::Result<()> {
    let len = i64::try_from(len).map_err(|_| io::Error::from_raw_os_error(EFBIG))?;
    checked(unsafe { fallocate(file.as_raw_fd(), FALLOC_FL_KEEP_SIZE, 0, len) }).map(drop)
}

pub fn set_nonblocking(fd: &impl AsRawFd) -> io::Result<()> {
    let flags = checked(unsafe { fcntl(fd.as_raw_fd(), F_GETFL) })?;
    checked(unsafe { fcntl(fd.as_raw_fd(), F_SETFL, flags | O_NONBLOCK) }).map(drop)
}

pub fn watch(fd: BorrowedFd<'_>, events: i16) -> PollFd {
    PollFd { fd: fd.as_raw_fd(), events, revents: 0 }
}

/// Wait until something happened; a negative timeout waits for ever.
pub fn wait(fds: &mut [PollFd], timeout_ms: i32) -> io::Result<()> {
    let count = c_ulong::try_from(fds.len()).unwrap_or(0);
    match checked(unsafe { poll(fds.as_mut_ptr(), count, timeout_ms) }) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// Hold these signals back and have them arrive as readable events of 128 bytes each.
pub fn signals(wanted: &[i32]) -> io::Result<File> {
    const SIG_BLOCK: c_int = 0;
    let mut set = SigSet([0; 128 / size_of::<c_ulong>()]);
    unsafe {
        sigemptyset(&raw mut set);
        for &signal in wanted {
            sigaddset(&raw mut set, signal);
        }
        checked(sigprocmask(SIG_BLOCK, &raw const set, std::ptr::null_mut()))?;
        owned(signalfd(-1, &raw const set, O_CLOEXEC | O_NONBLOCK)).map(File::from)
    }
}

/// Orphans of our descendants become ours, as they would if we were the first process.
pub fn adopt_orphans() {
    let (on, unused): (c_ulong, c_ulong) = (1, 0);
    unsafe { prctl(PR_SET_CHILD_SUBREAPER, on, unused, unused, unused) };
}

/// Hand nothing down but the standard streams, whatever we were handed ourselves.
pub fn keep_descriptors() {
    const CLOSE_ON_EXEC: c_ulong = 4;
    let (first, last): (c_ulong, c_ulong) = (3, u32::MAX.into());
    // Not known to kernels before 5.11; then what the engine left open stays so.
    unsafe { syscall(SYS_CLOSE_RANGE, first, last, CLOSE_ON_EXEC) };
}

/// Files get exactly the mode they are given.
pub fn clear_umask() {
    unsafe { umask(0) };
}

/// The next child that ended, if one has.
pub fn reap() -> Option<(u32, ExitStatus)> {
    let mut status = 0;
    let pid = unsafe { waitpid(-1, &raw mut status, WNOHANG) };
    u32::try_from(pid).ok().filter(|&pid| pid > 0).map(|pid| (pid, ExitStatus::from_raw(status)))
}

pub fn signal_process(pid: u32, signal: i32) {
    if let Ok(pid @ 2..) = c_int::try_from(pid) {
        unsafe { kill(pid, signal) };
    }
}

/// Send a signal to a process group (0 only asks); says whether anybody is in it.
pub fn signal_group(group: u32, signal: i32) -> bool {
    match c_int::try_from(group) {
        Ok(group @ 2..) => unsafe { kill(-group, signal) == 0 },
        _ => false,
    }
}

/// Have the program lead a session of its own, with the usual umask and no signal held back.
pub fn lead_session(command: &mut Command) {
    const SIG_SETMASK: c_int = 2;
    // SAFETY: all are async-signal-safe and touch nothing of ours.
    unsafe {
        command.pre_exec(|| {
            let none = SigSet([0; 128 / size_of::<c_ulong>()]);
            checked(sigprocmask(SIG_SETMASK, &raw const none, std::ptr::null_mut()))?;
            umask(0o022);
            checked(setsid()).map(drop)
        });
    }
}

/// Begin a connection without waiting for it; whether it is made already.
pub fn begin_connect(address: SocketAddr) -> io::Result<(TcpStream, bool)> {
    let (family, bytes) = encode_address(address);
    let kind = SOCK_STREAM | O_NONBLOCK | O_CLOEXEC;
    let fd = owned(unsafe { socket(c_int::from(family), kind, 0) })?;
    let len = u32::try_from(bytes.len()).unwrap_or(0);
    let made = match checked(unsafe { connect(fd.as_raw_fd(), bytes.as_ptr().cast(), len) }) {
        Ok(_) => true,
        Err(error) if error.raw_os_error() == Some(EINPROGRESS) => false,
        Err(error) => return Err(error),
    };
    Ok((TcpStream::from(fd), made))
}

/// `sockaddr_in` or `sockaddr_in6`.
pub fn encode_address(address: SocketAddr) -> (u16, Vec<u8>) {
    let family = if address.is_ipv4() { AF_INET } else { AF_INET6 };
    let mut bytes = family.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&address.port().to_be_bytes());
    match address {
        SocketAddr::V4(v4) => {
            bytes.extend_from_slice(&v4.ip().octets());
            bytes.extend_from_slice(&[0; 8]);
        }
        SocketAddr::V6(v6) => {
            bytes.extend_from_slice(&v6.flowinfo().to_ne_bytes());
            bytes.extend_from_slice(&v6.ip().octets());
            bytes.extend_from_slice(&v6.scope_id().to_ne_bytes());
        }
    }
    (family, bytes)
}

/// Whether a name could be handed to the calls above.
pub fn nameable(name: &str) -> bool {
    CStr::from_bytes_until_nul(name.as_bytes()).is_err()
}
