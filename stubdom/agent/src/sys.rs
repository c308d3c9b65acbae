//! The system calls that std has no word for; the only unsafe code of this crate.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::{size_of_val, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

use seccompiler::{BpfProgram, apply_filter};

use crate::error::{Error, Result};

const TUNSETIFF: libc::Ioctl = 0x4004_54ca;
const TUNSETPERSIST: libc::Ioctl = 0x4004_54cb;
const TUNSETOWNER: libc::Ioctl = 0x4004_54cc;
const IFF_TAP_NO_PI: libc::c_short = 0x1002;
const SIOCBRADDBR: libc::Ioctl = 0x89a0;
const SIOCBRADDIF: libc::Ioctl = 0x89a2;
/// _IOC(none, 'P', 0, 48): a hypercall through the privcmd device.
const PRIVCMD_HYPERCALL: libc::Ioctl = 0x0030_5000;
const HYPERVISOR_SCHED_OP: u64 = 29;
const SCHEDOP_SHUTDOWN: u64 = 2;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

fn c_string(text: &str) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Mounts a filesystem that has no device. Nothing in it can be executed.
pub fn mount(kind: &str, dir: &str, options: &str) -> io::Result<()> {
    let (kind, dir, options) = (c_string(kind)?, c_string(dir)?, c_string(options)?);
    // SAFETY: the strings live through the call; these filesystems take a string as their data.
    check(unsafe {
        libc::mount(
            kind.as_ptr(),
            dir.as_ptr(),
            kind.as_ptr(),
            libc::MS_NOSUID | libc::MS_NOEXEC,
            options.as_ptr().cast(),
        )
    })
    .map(drop)
}

/// Loads a kernel module; one that is loaded already is no error.
pub(crate) fn load_module(file: &File, parameters: &str) -> io::Result<()> {
    let parameters = c_string(parameters)?;
    // SAFETY: finit_module reads a descriptor that `file` keeps open and a string that outlives the call.
    let result = unsafe {
        libc::syscall(
            libc::SYS_finit_module,
            file.as_raw_fd(),
            parameters.as_ptr(),
            0,
        )
    };
    match io::Error::last_os_error() {
        error if result < 0 && error.raw_os_error() != Some(libc::EEXIST) => Err(error),
        _ => Ok(()),
    }
}

/// Makes `file` standard input, output and error.
pub fn replace_stdio(file: &File) {
    for standard in 0..3 {
        // SAFETY: both are open descriptors or numbers that dup2 may create; std holds no state about them.
        unsafe { libc::dup2(file.as_raw_fd(), standard) };
    }
}

/// Makes a terminal pass bytes unchanged in both directions.
pub(crate) fn make_raw(terminal: &File) -> io::Result<()> {
    let fd = terminal.as_raw_fd();
    // SAFETY: termios is plain data that tcgetattr fills before anything reads it; `fd` is open.
    unsafe {
        let mut settings: libc::termios = zeroed();
        check(libc::tcgetattr(fd, &raw mut settings))?;
        libc::cfmakeraw(&raw mut settings);
        check(libc::tcsetattr(fd, libc::TCSANOW, &raw const settings)).map(drop)
    }
}

/// Waits until the driver has passed on what was written to a terminal.
pub(crate) fn drain(terminal: &impl AsRawFd) {
    // SAFETY: takes a descriptor that the borrow keeps open.
    unsafe { libc::tcdrain(terminal.as_raw_fd()) };
}

/// Clears close-on-exec.
pub(crate) fn keep_across_exec(file: &File) -> io::Result<()> {
    // SAFETY: takes an open descriptor and plain numbers.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFD, 0) }).map(drop)
}

/// Runs `work` so that no other thread of the domain's one CPU, kernel workers included, comes between.
pub(crate) fn without_preemption<T>(work: impl FnOnce() -> T) -> T {
    let policy = |policy, priority| {
        let parameters = libc::sched_param {
            sched_priority: priority,
        };
        // SAFETY: sets this process's own scheduling from a struct that outlives the call.
        unsafe { libc::sched_setscheduler(0, policy, &raw const parameters) };
    };
    policy(libc::SCHED_FIFO, 99);
    let result = work();
    policy(libc::SCHED_OTHER, 0);
    result
}

/// Time since the domain's kernel started.
pub(crate) fn uptime() -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: fills a struct that lives on this stack frame.
    unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut now) };
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or(0),
    )
}

/// A descriptor that becomes readable when the child ends.
pub(crate) fn watch_child(child: &Child) -> Result<OwnedFd> {
    let failed = |source| Error::io(format!("watch process {}", child.id()), source);
    // SAFETY: pidfd_open takes plain numbers.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_open, child.id(), 0) };
    let fd = check(libc::c_int::try_from(result).unwrap_or(-1)).map_err(failed)?;
    // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Has the child put these filters on itself, as the last thing before it becomes the program.
pub(crate) fn filter<const N: usize>(command: &mut Command, filters: [BpfProgram; N]) {
    let apply = move || {
        filters.iter().try_for_each(|filter| {
            apply_filter(filter).map_err(|error| match error {
                seccompiler::Error::Prctl(source) | seccompiler::Error::Seccomp(source) => source,
                _ => io::ErrorKind::InvalidInput.into(),
            })
        })
    };
    // SAFETY: between fork and exec there is one thread, and another may have held the allocator's lock: `apply` makes two
    // system calls for each filter and no allocation, and neither does what it gives on failure.
    unsafe { command.pre_exec(apply) };
}

/// What to wait for at a descriptor. That it was closed ends any wait.
#[derive(Clone, Copy)]
pub enum Wish {
    /// To be readable.
    Read,
    /// To be writable.
    Write,
    /// Either.
    Both,
}

/// Waits until one of `sources` is ready for its wish, or closed; tells which are.
pub fn poll(sources: &[(BorrowedFd<'_>, Wish)], timeout: Option<Duration>) -> Result<Vec<bool>> {
    let timeout = timeout.map_or(-1, |limit| {
        i32::try_from(limit.as_millis()).unwrap_or(i32::MAX)
    });
    let mut entries: Vec<libc::pollfd> = sources
        .iter()
        .map(|(source, wish)| libc::pollfd {
            fd: source.as_raw_fd(),
            events: match wish {
                Wish::Read => libc::POLLIN,
                Wish::Write => libc::POLLOUT,
                Wish::Both => libc::POLLIN | libc::POLLOUT,
            },
            revents: 0,
        })
        .collect();
    let count = libc::nfds_t::try_from(entries.len()).unwrap_or(0);
    loop {
        // SAFETY: `entries` holds `count` initialised entries and is not touched during the call.
        match check(unsafe { libc::poll(entries.as_mut_ptr(), count, timeout) }) {
            Ok(_) => return Ok(entries.iter().map(|entry| entry.revents != 0).collect()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("wait for events", error)),
        }
    }
}

/// What the kernel says of devices that come and go (netlink(7), NETLINK_KOBJECT_UEVENT); reading does not wait.
pub(crate) fn kernel_events() -> io::Result<File> {
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: takes plain numbers.
    let fd = check(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_KOBJECT_UEVENT) })?;
    // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: sockaddr_nl is plain data, for which all zeros is a valid value.
    let mut address: libc::sockaddr_nl = unsafe { zeroed() };
    address.nl_family = libc::sa_family_t::try_from(libc::AF_NETLINK).unwrap_or_default();
    // The kernel's own group.
    address.nl_groups = 1;
    let length = libc::socklen_t::try_from(size_of_val(&address)).unwrap_or_default();
    // SAFETY: reads `length` bytes of an address that lives on this stack frame.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
    Ok(File::from(socket))
}

/// Sends bytes, and a descriptor with the first of them; gives how many bytes went.
pub(crate) fn send_with_fd(
    socket: &UnixStream,
    bytes: &[u8],
    fd: BorrowedFd<'_>,
) -> io::Result<usize> {
    /// The size of a descriptor's number, in bytes.
    const FD: libc::c_uint = 4;
    // Aligned for a cmsghdr, and with room for one that holds a descriptor: 24 bytes.
    let mut control = [0_u64; 4];
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    // SAFETY: msghdr is plain data. Its one part borrows `bytes`, of which sendmsg only reads, and its control data is
    // `control`, zeroed, aligned and longer than CMSG_SPACE of one descriptor, so that CMSG_FIRSTHDR gives a header in there
    // and CMSG_DATA room for the number. All of it outlives the call, and so does the borrowed descriptor.
    let sent = unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(FD) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(FD) as _;
        libc::CMSG_DATA(header)
            .cast::<libc::c_int>()
            .write_unaligned(fd.as_raw_fd());
        libc::sendmsg(socket.as_raw_fd(), &raw const message, libc::MSG_NOSIGNAL)
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

fn interface_request(name: &str) -> io::Result<libc::ifreq> {
    // SAFETY: ifreq is plain data, for which all zeros is a valid value.
    let mut request: libc::ifreq = unsafe { zeroed() };
    let name = c_string(name)?;
    let name = name.as_bytes_with_nul();
    if name.len() > request.ifr_name.len() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "interface name too long",
        ));
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    Ok(request)
}

/// A socket that only carries interface ioctls.
fn control_socket() -> io::Result<OwnedFd> {
    // SAFETY: takes plain numbers.
    let fd =
        check(unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) })?;
    // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Issues an ioctl whose argument is an interface request, in both directions.
fn interface_ioctl(
    fd: &impl AsRawFd,
    operation: libc::Ioctl,
    request: &mut libc::ifreq,
) -> io::Result<()> {
    // SAFETY: every operation passed here reads or fills one ifreq, which the borrow keeps alive.
    check(unsafe { libc::ioctl(fd.as_raw_fd(), operation, std::ptr::from_mut(request)) }).map(drop)
}

/// Creates a tap interface that stays when its descriptor is closed, and that `owner` may attach to.
pub(crate) fn create_tap(name: &str, owner: u32) -> io::Result<()> {
    let tun = File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")?;
    let mut request = interface_request(name)?;
    request.ifr_ifru.ifru_flags = IFF_TAP_NO_PI;
    interface_ioctl(&tun, TUNSETIFF, &mut request)?;
    // SAFETY: TUNSETOWNER takes a number.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), TUNSETOWNER, libc::c_ulong::from(owner)) })?;
    // SAFETY: TUNSETPERSIST takes a number.
    check(unsafe { libc::ioctl(tun.as_raw_fd(), TUNSETPERSIST, 1) }).map(drop)
}

/// Creates a bridge: no spanning tree, so members forward from the start.
pub(crate) fn create_bridge(name: &str) -> io::Result<()> {
    let name = c_string(name)?;
    // SAFETY: SIOCBRADDBR reads a string, which outlives the call.
    check(unsafe { libc::ioctl(control_socket()?.as_raw_fd(), SIOCBRADDBR, name.as_ptr()) })
        .map(drop)
}

/// Makes interface `member` part of `bridge`.
pub(crate) fn add_to_bridge(bridge: &str, member: &str) -> io::Result<()> {
    let member = c_string(member)?;
    // SAFETY: takes a string that outlives the call.
    let index = unsafe { libc::if_nametoindex(member.as_ptr()) };
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    let mut request = interface_request(bridge)?;
    request.ifr_ifru.ifru_ifindex = libc::c_int::from_ne_bytes(index.to_ne_bytes());
    interface_ioctl(&control_socket()?, SIOCBRADDIF, &mut request)
}

/// Gives an interface another MAC address.
pub(crate) fn set_mac(name: &str, mac: [u8; 6]) -> io::Result<()> {
    let mut request = interface_request(name)?;
    // SAFETY: sockaddr is plain data, for which all zeros is a valid value.
    let mut address: libc::sockaddr = unsafe { zeroed() };
    address.sa_family = libc::ARPHRD_ETHER;
    for (to, from) in address.sa_data.iter_mut().zip(mac) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    request.ifr_ifru.ifru_hwaddr = address;
    interface_ioctl(&control_socket()?, libc::SIOCSIFHWADDR, &mut request)
}

/// Brings an interface up.
pub(crate) fn bring_up(name: &str) -> io::Result<()> {
    let socket = control_socket()?;
    let mut request = interface_request(name)?;
    interface_ioctl(&socket, libc::SIOCGIFFLAGS, &mut request)?;
    // SAFETY: SIOCGIFFLAGS has just filled this member of the union.
    let flags = i32::from(unsafe { request.ifr_ifru.ifru_flags }) | libc::IFF_UP;
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(flags).unwrap_or_default();
    interface_ioctl(&socket, libc::SIOCSIFFLAGS, &mut request)
}

/// What `xl list` will show of the ended domain (xen/sched.h).
#[derive(Clone, Copy)]
pub(crate) enum ShutdownReason {
    PowerOff = 0,
    Crash = 3,
}

/// Ends the domain. Asks Xen directly, so that a crash needs no kernel panic to show.
pub(crate) fn shut_down(reason: ShutdownReason) -> ! {
    let code = reason as u32;
    // The module may not be loaded yet: then a power-off has to do.
    if let Ok(privcmd) = File::options()
        .read(true)
        .write(true)
        .open("/dev/xen/privcmd")
    {
        let call: [u64; 6] = [
            HYPERVISOR_SCHED_OP,
            SCHEDOP_SHUTDOWN,
            std::ptr::from_ref(&code).addr() as u64,
            0,
            0,
            0,
        ];
        debug_assert_eq!(size_of_val(&call), 48);
        // SAFETY: the device reads 48 bytes, and the hypervisor four bytes at the address of `code`; both
        // are on this stack frame, whose page is present since it has just been written.
        unsafe { libc::ioctl(privcmd.as_raw_fd(), PRIVCMD_HYPERCALL, call.as_ptr()) };
    }
    // SAFETY: takes a number; there is nothing left to write to any disk.
    unsafe { libc::reboot(libc::LINUX_REBOOT_CMD_POWER_OFF) };
    loop {
        std::thread::park();
    }
}

/// A system call of which all arguments are without sense, as a program that was taken over could make it; gives the error.
#[cfg(test)]
pub(crate) fn senseless_call(number: libc::c_long) -> io::Error {
    // SAFETY: as pointers, sizes, descriptors and ids these are all invalid, so that no call that is tried reaches memory of
    // this process, or changes anything of it. A fork would return twice, and the second one ends here.
    let result = unsafe { libc::syscall(number, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64) };
    let error = io::Error::last_os_error();
    match result {
        -1 => error,
        0 if matches!(number, libc::SYS_fork | libc::SYS_vfork) => std::process::exit(1),
        result => io::Error::other(format!("succeeded: {result}")),
    }
}
