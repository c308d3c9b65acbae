//! What can go wrong, said once: the status for the caller, what was tried, on which domain, what to do.

use std::fmt;

use crate::Domid;

/// The status that a C caller sees (`ERROR_*` of libxl.h); numbers are never reused.
pub use crate::types::Error as Code;

/// One failure. `Display` gives the whole sentence that goes to the log.
///
/// As wide as a pointer: it is part of nearly every result, and each `?` moves one.
#[derive(Debug)]
pub struct Error(Box<Facts>);

#[derive(Debug)]
struct Facts {
    code: Code,
    what: String,
    domid: Option<Domid>,
    hint: Option<String>,
    errno: Option<i32>,
}

/// Shorthand used by the whole core.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure with the status `code`; `what` says what was tried and what came back.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self(Box::new(Facts {
            code,
            what: what.into(),
            domid: None,
            hint: None,
            errno: None,
        }))
    }

    /// [`Code::Fail`], the most frequent one.
    pub fn fail(what: impl Into<String>) -> Self {
        Self::new(Code::Fail, what)
    }

    /// [`Code::Inval`]: the caller's argument cannot be used.
    pub fn inval(what: impl Into<String>) -> Self {
        Self::new(Code::Inval, what)
    }

    /// [`Code::Ni`]: this library cannot do it yet.
    pub fn ni(what: impl Into<String>) -> Self {
        Self::new(Code::Ni, what)
    }

    /// [`Code::Fail`] from a system error; keeps its errno for the log.
    pub fn io(what: impl fmt::Display, source: &std::io::Error) -> Self {
        let mut error = Self::fail(before(&what, source));
        error.0.errno = source.raw_os_error();
        error
    }

    /// Says which domain the failure is about, unless a step below already did.
    #[must_use]
    pub fn domain(mut self, domid: Domid) -> Self {
        self.0.domid.get_or_insert(domid);
        self
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Puts what the caller was doing in front of what failed below it.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.0.what = before(&doing, &self.0.what);
        self
    }

    /// Replaces the status, keeping the text.
    #[must_use]
    pub fn code_as(mut self, code: Code) -> Self {
        self.0.code = code;
        self
    }

    /// The status for a C caller.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The system's error number behind the failure, where there is one.
    pub fn errno(&self) -> Option<i32> {
        self.0.errno
    }

    /// The domain the failure is about.
    pub fn domid(&self) -> Option<Domid> {
        self.0.domid
    }
}

fn before(doing: &dyn fmt::Display, what: &dyn fmt::Display) -> String {
    format!("{doing}: {what}")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)?;
        match &self.0.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_fits_a_register() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }

    #[test]
    fn says_what_and_what_to_do() {
        let error = Error::fail("cannot open the kernel /boot/k")
            .context("building the guest")
            .domain(3)
            .domain(4)
            .hint("check kernel= in the configuration");
        assert_eq!(
            error.to_string(),
            "building the guest: cannot open the kernel /boot/k (check kernel= in the configuration)"
        );
        assert_eq!(error.domid(), Some(3));
        assert_eq!(error.code() as i32, -3);
    }
}
