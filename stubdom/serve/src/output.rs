//! Where a console ends in dom0: a file, a terminal, a pipe or a connection. Everything is opened at the start; afterwards only
//! connections come and go.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::io::{ioctl_fionbio, retry_on_intr};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

use crate::config;
use crate::error::{Error, Result};
use crate::logfile::LogFile;

/// What waits for a reader who does not read: the newest so many bytes. A terminal's, and a connection's.
const BACKLOG: usize = 64 << 10;

/// The end of a console.
#[derive(Debug)]
pub struct Output {
    end: End,
    waiting: VecDeque<u8>,
}

#[derive(Debug)]
enum End {
    Null,
    File(LogFile),
    Source(File),
    /// A terminal of ours, or somebody's special files.
    Stream {
        reads: OwnedFd,
        writes: OwnedFd,
        slave: Option<OwnedFd>,
    },
    Listens {
        listener: Listener,
        connection: Option<OwnedFd>,
    },
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Output {
    /// Opens it. The name of the terminal where one was made.
    pub fn open(end: &config::End) -> Result<(Self, Option<String>)> {
        let mut tty = None;
        let end = match end {
            config::End::Null => End::Null,
            config::End::File {
                path,
                truncate,
                limit,
                rotate,
            } => End::File(LogFile::open(path, *truncate, *limit, *rotate)?),
            config::End::Source { path } => End::Source(open_special(path, true, false)?),
            config::End::Pty => {
                let (master, slave, name) = terminal()?;
                tty = Some(name);
                let writes = master
                    .try_clone()
                    .map_err(|error| Error::io("share a terminal", error))?;
                End::Stream {
                    reads: master,
                    writes,
                    slave: Some(slave),
                }
            }
            config::End::Device { path } => device(path)?,
            config::End::Tcp {
                host,
                port,
                server: true,
            } => {
                let listener = TcpListener::bind((host.as_str(), *port))
                    .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
                    .map_err(|error| Error::io(format!("listen on {host}:{port}"), error))?;
                End::Listens {
                    listener: Listener::Tcp(listener),
                    connection: None,
                }
            }
            config::End::Tcp {
                host,
                port,
                server: false,
            } => {
                let stream = TcpStream::connect((host.as_str(), *port))
                    .map_err(|error| Error::io(format!("connect to {host}:{port}"), error))?;
                connected(stream.into())?
            }
            config::End::Unix { path, server: true } => End::Listens {
                listener: Listener::Unix(listen(path)?),
                connection: None,
            },
            config::End::Unix {
                path,
                server: false,
            } => {
                let stream = UnixStream::connect(path)
                    .map_err(|error| Error::io(format!("connect to {}", path.display()), error))?;
                connected(stream.into())?
            }
        };
        Ok((
            Self {
                end,
                waiting: VecDeque::new(),
            },
            tty,
        ))
    }

    /// What the stub domain sent. A file takes it at once; of what somebody has to read, the newest waits.
    pub fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.end {
            End::Null | End::Source(_) => Ok(()),
            End::File(file) => file.append(bytes),
            End::Listens {
                connection: None, ..
            } => Ok(()),
            End::Stream { .. } | End::Listens { .. } => {
                self.waiting.extend(bytes);
                let over = self.waiting.len().saturating_sub(BACKLOG);
                self.waiting.drain(..over);
                self.flush();
                Ok(())
            }
        }
    }

    /// Writes what waits, as far as it goes without waiting.
    pub fn flush(&mut self) {
        let fd = match &self.end {
            End::Stream { writes, .. } => writes,
            End::Listens {
                connection: Some(connection),
                ..
            } => connection,
            _ => return,
        };
        while !self.waiting.is_empty() {
            match retry_on_intr(|| rustix::io::write(fd, self.waiting.as_slices().0)) {
                Ok(count) => drop(self.waiting.drain(..count)),
                Err(rustix::io::Errno::AGAIN) => return,
                Err(_) => {
                    self.hang_up();
                    return;
                }
            }
        }
    }

    /// What somebody types for the stub domain, at most as much as `buffer` holds; 0 when there is nothing now.
    pub fn get(&mut self, buffer: &mut [u8]) -> usize {
        let got = match &mut self.end {
            End::Null | End::File(_) => return 0,
            End::Source(file) => return file.read(buffer).unwrap_or(0),
            End::Stream { reads, .. } => retry_on_intr(|| rustix::io::read(&*reads, &mut *buffer)),
            End::Listens {
                connection: Some(connection),
                ..
            } => retry_on_intr(|| rustix::io::read(&*connection, &mut *buffer)),
            End::Listens { .. } => return 0,
        };
        match got {
            Ok(0) => {
                self.hang_up();
                0
            }
            Ok(count) => count,
            Err(rustix::io::Errno::AGAIN) => 0,
            Err(_) => {
                self.hang_up();
                0
            }
        }
    }

    /// Whether what it reads is there whenever it is asked for.
    pub fn is_source(&self) -> bool {
        matches!(self.end, End::Source(_))
    }

    /// The other side went. A listener waits for the next one; a terminal stays; all else is over.
    fn hang_up(&mut self) {
        self.waiting.clear();
        match &mut self.end {
            End::Listens { connection, .. } => *connection = None,
            // The slave is open here, so that nobody's going shows.
            End::Stream { slave: Some(_), .. } => {}
            End::Stream { .. } => self.end = End::Null,
            _ => {}
        }
    }

    /// A connection that waits to be taken. One at a time, as QEMU has it: others wait until it has ended.
    pub fn accept(&mut self) {
        if let End::Listens {
            listener,
            connection: connection @ None,
        } = &mut self.end
        {
            let accepted: io::Result<OwnedFd> = match listener {
                Listener::Tcp(listener) => listener.accept().map(|(stream, _)| stream.into()),
                Listener::Unix(listener) => listener.accept().map(|(stream, _)| stream.into()),
            };
            *connection = accepted
                .ok()
                .filter(|stream| ioctl_fionbio(stream, true).is_ok());
        }
    }

    /// What to wait for: whether a connection comes, what is typed, room for what waits.
    pub fn descriptors(&self) -> Descriptors<'_> {
        let writes = !self.waiting.is_empty();
        match &self.end {
            End::Null | End::File(_) | End::Source(_) => Descriptors::default(),
            End::Stream {
                reads, writes: out, ..
            } => Descriptors {
                accepts: None,
                reads: Some(reads.as_fd()),
                writes: writes.then(|| out.as_fd()),
            },
            End::Listens {
                connection: Some(connection),
                ..
            } => Descriptors {
                accepts: None,
                reads: Some(connection.as_fd()),
                writes: writes.then(|| connection.as_fd()),
            },
            End::Listens { listener, .. } => Descriptors {
                accepts: Some(match listener {
                    Listener::Tcp(listener) => listener.as_fd(),
                    Listener::Unix(listener) => listener.as_fd(),
                }),
                ..Descriptors::default()
            },
        }
    }
}

/// See [`Output::descriptors`].
#[derive(Debug, Default)]
pub struct Descriptors<'a> {
    /// Readable when somebody connects.
    pub accepts: Option<BorrowedFd<'a>>,
    /// Readable when somebody typed, or went.
    pub reads: Option<BorrowedFd<'a>>,
    /// To be waited for until it takes more.
    pub writes: Option<BorrowedFd<'a>>,
}

fn connected(stream: OwnedFd) -> Result<End> {
    let failed = |error: io::Error| Error::io("set up a connection", error);
    ioctl_fionbio(&stream, true).map_err(|error| failed(error.into()))?;
    let writes = stream.try_clone().map_err(failed)?;
    Ok(End::Stream {
        reads: stream,
        writes,
        slave: None,
    })
}

/// A UNIX socket that is listened on; one of that name that nobody serves goes first.
pub fn listen(path: &Path) -> Result<UnixListener> {
    let failed = |error| Error::io(format!("listen on {}", path.display()), error);
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

fn open_special(path: &Path, read: bool, write: bool) -> Result<File> {
    OpenOptions::new()
        .read(read)
        .write(write)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(|error| Error::io(format!("open {}", path.display()), error))
}

/// `PATH.in` and `PATH.out` where they are there, as QEMU has it; otherwise the file of that name.
fn device(path: &Path) -> Result<End> {
    let named = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let (input, output) = (named(".in"), named(".out"));
    if input.exists() && output.exists() {
        // Read and write, so that a pipe nobody has open is no error.
        let reads = open_special(&input, true, true)?.into();
        let writes = open_special(&output, true, true)?.into();
        return Ok(End::Stream {
            reads,
            writes,
            slave: None,
        });
    }
    connected(open_special(path, true, true)?.into())
}

/// A new terminal: our end, the other one, which is raw, and its name.
fn terminal() -> Result<(OwnedFd, OwnedFd, String)> {
    let failed = |error: rustix::io::Errno| Error::io("make a terminal", error);
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).map_err(failed)?;
    grantpt(&master).map_err(failed)?;
    unlockpt(&master).map_err(failed)?;
    let name = ptsname(&master, Vec::new()).map_err(failed)?;
    let name = name
        .into_string()
        .map_err(|_| Error::new("a terminal's name is no text"))?;
    let slave: OwnedFd = open_special(Path::new(&name), true, true)?.into();
    let mut settings = tcgetattr(&slave).map_err(failed)?;
    settings.make_raw();
    tcsetattr(&slave, OptionalActions::Now, &settings).map_err(failed)?;
    ioctl_fionbio(&master, true).map_err(failed)?;
    Ok((master, slave, name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::FileTypeExt;

    fn open(end: config::End) -> (Output, Option<String>) {
        Output::open(&end).unwrap()
    }

    /// What can be read now.
    fn typed(output: &mut Output) -> Vec<u8> {
        let mut buffer = [0; 100];
        let count = output.get(&mut buffer);
        buffer[..count].to_vec()
    }

    #[test]
    fn a_terminal_is_raw_and_goes_both_ways() {
        let (mut output, tty) = open(config::End::Pty);
        let tty = tty.unwrap();
        let mut user = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&tty)
            .unwrap();
        assert!(user.metadata().unwrap().file_type().is_char_device());
        output.put(b"login:\n\x03").unwrap();
        let mut buffer = [0; 8];
        user.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"login:\n\x03");
        user.write_all(b"a\rb\x04").unwrap();
        assert_eq!(typed(&mut output), b"a\rb\x04");
        // Nothing is echoed, and somebody who goes is no end.
        drop(user);
        assert_eq!(typed(&mut output), b"");
        output.put(b"again").unwrap();
        let mut user = OpenOptions::new().read(true).open(&tty).unwrap();
        user.read_exact(&mut buffer[..5]).unwrap();
        assert_eq!(&buffer[..5], b"again");
    }

    #[test]
    fn what_nobody_reads_is_bounded() {
        let (mut output, _tty) = open(config::End::Pty);
        for _ in 0..1000 {
            output.put(&[b'x'; 4096]).unwrap();
        }
        assert!(output.waiting.len() <= BACKLOG);
        assert!(output.descriptors().writes.is_some());
    }

    #[test]
    fn connections_come_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("serial");
        let (mut output, _) = open(config::End::Unix {
            path: path.clone(),
            server: true,
        });
        output.put(b"nobody is there").unwrap();
        assert!(output.descriptors().accepts.is_some());
        let mut first = UnixStream::connect(&path).unwrap();
        output.accept();
        let mut second = UnixStream::connect(&path).unwrap();
        output.accept();
        output.put(b"hello").unwrap();
        let mut buffer = [0; 5];
        first.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"hello");
        first.write_all(b"hi").unwrap();
        assert_eq!(typed(&mut output), b"hi");
        drop(first);
        assert_eq!(typed(&mut output), b"");
        output.accept();
        output.put(b"next!").unwrap();
        second.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"next!");
    }

    #[test]
    fn tcp_as_listener_and_as_client() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mut output, _) = open(config::End::Tcp {
            host: "127.0.0.1".into(),
            port,
            server: false,
        });
        let (mut peer, _) = listener.accept().unwrap();
        output.put(b"hello").unwrap();
        let mut buffer = [0; 5];
        peer.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"hello");
        drop((peer, listener));
        while !matches!(output.end, End::Null) {
            output.get(&mut [0; 10]);
        }
        let (output, _) = open(config::End::Tcp {
            host: "127.0.0.1".into(),
            port,
            server: true,
        });
        assert!(output.descriptors().accepts.is_some());
        assert!(
            Output::open(&config::End::Tcp {
                host: "127.0.0.1".into(),
                port,
                server: true
            })
            .is_err()
        );
    }

    #[test]
    fn a_source_is_only_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state");
        std::fs::write(&path, "saved").unwrap();
        let (mut output, _) = open(config::End::Source { path: path.clone() });
        output.put(b"echo").unwrap();
        assert_eq!(typed(&mut output), b"saved");
        assert_eq!(typed(&mut output), b"");
        assert_eq!(std::fs::read(&path).unwrap(), b"saved");
        assert!(
            Output::open(&config::End::Source {
                path: dir.path().join("none")
            })
            .is_err()
        );
    }

    #[test]
    fn pipes_are_found_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["p.in", "p.out"] {
            let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
            rustix::fs::mknodat(
                rustix::fs::CWD,
                dir.path().join(name),
                rustix::fs::FileType::Fifo,
                mode,
                0,
            )
            .unwrap();
        }
        let (mut output, _) = open(config::End::Device {
            path: dir.path().join("p"),
        });
        let open = |name: &str| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .open(dir.path().join(name))
                .unwrap()
        };
        output.put(b"out").unwrap();
        let mut buffer = [0; 3];
        open("p.out").read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"out");
        open("p.in").write_all(b"in").unwrap();
        assert_eq!(typed(&mut output), b"in");
    }
}
