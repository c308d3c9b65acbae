//! Log lines on their way to the application's logger (xentoollog in C). Every line about a domain carries its domid.

use std::fmt;
use std::sync::Arc;

use crate::{Domid, Error};

/// How much a line matters; the numbers are xentoollog's (`XTL_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(i32)]
pub enum Level {
    /// For those who work on the library.
    Debug = 1,
    /// More of the same events.
    Verbose = 2,
    /// Steps that a user may want to see.
    Detail = 3,
    /// Something changed as asked.
    Info = 6,
    /// Odd, but going on.
    Warn = 7,
    /// The operation fails.
    Error = 8,
}

/// Where lines go; implemented over xentoollog by `sys`, by a vector in tests.
pub trait Sink: Send + Sync {
    /// Takes one line; `errno` is the system error behind it, if any.
    fn line(&self, level: Level, errno: Option<i32>, text: &str);
}

/// A handle on the application's logger, cheap to clone.
#[derive(Clone)]
pub struct Logger(Arc<dyn Sink>);

impl Logger {
    /// Sends all lines to `sink`.
    pub fn new(sink: impl Sink + 'static) -> Self {
        Self(Arc::new(sink))
    }

    /// A logger that drops everything.
    pub fn silent() -> Self {
        struct Nowhere;
        impl Sink for Nowhere {
            fn line(&self, _: Level, _: Option<i32>, _: &str) {}
        }
        Self::new(Nowhere)
    }

    /// Logs one line about `domid`, or about no domain in particular.
    pub fn line(&self, level: Level, domid: impl Into<Option<Domid>>, text: fmt::Arguments<'_>) {
        self.send(level, domid.into(), None, text);
    }

    /// Logs a failure with its domain and system error.
    pub fn failure(&self, error: &Error) {
        let text = format_args!("{error}");
        self.send(Level::Error, error.domid(), error.errno(), text);
    }

    fn send(
        &self,
        level: Level,
        domid: Option<Domid>,
        errno: Option<i32>,
        text: fmt::Arguments<'_>,
    ) {
        let text = match domid {
            Some(domid) => format!("Domain {domid}:{text}"),
            None => text.to_string(),
        };
        self.0.line(level, errno, &clean(&text));
    }
}

/// The longest line, in characters; QEMU's arguments may be long.
const MAX_LINE: usize = 8192;

/// One line of bounded length, also when a guest, a stub domain or a script chose its words.
fn clean(text: &str) -> String {
    text.chars().take(MAX_LINE).map(plain).collect()
}

/// A question mark in place of what makes a terminal or a reader see something else than what is there: control
/// characters, ends of lines, and changes of the writing's direction.
pub(crate) fn plain(c: char) -> char {
    match c {
        '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => '?',
        _ if c.is_control() => '?',
        _ => c,
    }
}

/// `log_line!(logger, Level::Warn, domid, "text {x}")`: one line, formatted.
#[macro_export]
macro_rules! log_line {
    ($logger:expr, $level:expr, $domid:expr, $($text:tt)+) => {
        $logger.line($level, $domid, format_args!($($text)+))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_and_bounded() {
        assert_eq!(clean("a\nb\r\x1b[2J\u{9b}1m\u{202e}é\0"), "a?b??[2J?1m?é?");
        assert_eq!(clean(&"x".repeat(1 << 20)).len(), MAX_LINE);
    }
}
