//! QEMU's own words on their way to the log. The last of them are kept: mostly they say why QEMU ended.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How much of a line is kept, in bytes; the toolstack shows 300 characters of an error.
const MOST: usize = 220;
/// For the log to take what QEMU said at its end.
const PATIENCE: Duration = Duration::from_secs(2);

pub(crate) struct Words {
    last: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Words {
    /// Passes on what comes from `qemu`, on a thread, until all who could write to it have gone.
    pub(crate) fn pass_on(
        mut qemu: impl Read + Send + 'static,
        mut log: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let last = Arc::<Mutex<Vec<u8>>>::default();
        let keep = Arc::clone(&last);
        let (ended, end) = mpsc::channel::<()>();
        let pass = move || {
            let mut line = Line::default();
            let mut buffer = [0; 1024];
            loop {
                match qemu.read(&mut buffer) {
                    Ok(count @ 1..) => {
                        line.push(&buffer[..count]);
                        keep.lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .clone_from(line.newest());
                        // QEMU goes on without a log.
                        let _ = log.write_all(&buffer[..count]).and_then(|()| log.flush());
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    _ => break,
                }
            }
            drop(ended);
        };
        let thread = std::thread::Builder::new().name("words".into());
        thread.spawn(pass)?;
        Ok(Self { last, end })
    }

    /// The last line that is not empty, for a QEMU that has ended.
    pub(crate) fn last(&self) -> String {
        let _ = self.end.recv_timeout(PATIENCE);
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&last).trim().to_owned()
    }
}

/// The line that comes, and the one before it.
#[derive(Default)]
struct Line {
    coming: Vec<u8>,
    before: Vec<u8>,
}

impl Line {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' | b'\r' => {
                    if !self.is_blank() {
                        std::mem::swap(&mut self.coming, &mut self.before);
                    }
                    self.coming.clear();
                }
                _ if self.coming.len() < MOST => self.coming.push(*byte),
                _ => {}
            }
        }
    }

    fn is_blank(&self) -> bool {
        self.coming.iter().all(u8::is_ascii_whitespace)
    }

    fn newest(&self) -> &Vec<u8> {
        match self.is_blank() {
            true => &self.before,
            false => &self.coming,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is kept, and what the log has, of words that come in these pieces.
    fn passed(pieces: &[&str]) -> (String, String) {
        let (out, mut into) = io::pipe().expect("a pipe");
        let log = Log::default();
        let words = Words::pass_on(out, log.clone()).expect("a thread");
        for piece in pieces {
            into.write_all(piece.as_bytes()).expect("written");
        }
        drop(into);
        let last = words.last();
        let log = log.0.lock().unwrap().clone();
        (last, String::from_utf8(log).expect("UTF-8"))
    }

    #[test]
    fn the_last_line_is_kept_and_all_is_passed_on() {
        for (pieces, last) in [
            (
                &["qemu: warning: x\nqemu: no ", "such device\n"][..],
                "qemu: no such device",
            ),
            (&["first\n", "\n  \r\n"], "first"),
            (&["first\nassertion fai", "led"], "assertion failed"),
            (&["a\r\nb\r\n"], "b"),
            (&[], ""),
            (&["\n"], ""),
        ] {
            assert_eq!(passed(pieces), (last.to_owned(), pieces.concat()));
        }
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let long = "x".repeat(1 << 20);
        let (last, log) = passed(&[&long, "y\n"]);
        assert_eq!(last, "x".repeat(MOST));
        assert_eq!(log.len(), (1 << 20) + 2);
    }
}
