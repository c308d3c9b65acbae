//! The requests that work alike inside and outside of a transaction.

use std::sync::Arc;

use store_wire::Kind;

use super::conn::{Answer, Conn, Request};
use super::layout::parse_domid;
use super::{Batch, Change, Perms};
use crate::{Domid, Error, Result};

const NUL: &[u8] = b"\0";
/// Parts of a directory that are fetched at most, restarts included; 1000 parts hold 100,000 domains.
const LIST_PARTS: u32 = 1000;

/// What a request is sent on: the connection and, in a transaction, its id.
pub(super) trait Session {
    fn conn(&self) -> &Arc<Conn>;
    /// An error once no new request may be sent.
    fn check_gate(&self) -> Result<()>;
    fn tx(&self) -> u32;

    fn send(&self, kind: Kind, parts: &[&[u8]]) -> Result<Request> {
        self.conn().request(kind, self.tx(), parts)
    }

    fn send_path(&self, kind: Kind, path: &str, rest: &[u8]) -> Result<Request> {
        self.check_gate()?;
        check_path(path)?;
        self.send(kind, &[path.as_bytes(), NUL, rest])
    }
}

/// Checks a path before it goes out.
pub(super) fn check_path(path: &str) -> Result<()> {
    if store_wire::is_path(path) {
        return Ok(());
    }
    Err(Error::inval(format!("{path:?} is not a xenstore path")))
}

/// What was tried and what the daemon said.
pub(super) fn refused(doing: &str, path: &str, errno: i32) -> Error {
    let source = std::io::Error::from_raw_os_error(errno);
    let mut error = Error::io(format!("{doing} {path} in xenstore"), &source);
    if let Some(domid) = domain_of(path) {
        error = error.domain(domid);
    }
    match errno {
        libc::ENOSPC => error.hint("a quota of xenstored is used up; see xenstored --help"),
        libc::E2BIG => error.hint("more than 4096 bytes do not fit into a node"),
        _ => error,
    }
}

fn domain_of(path: &str) -> Option<u32> {
    let rest = path
        .strip_prefix("/local/domain/")
        .or_else(|| path.strip_prefix("/libxl/"))?;
    parse_domid(rest.split('/').next()?)
}

fn present(doing: &str, path: &str, answer: Answer) -> Result<Option<Vec<u8>>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(libc::ENOENT) => Ok(None),
        Err(errno) => Err(refused(doing, path, errno)),
    }
}

fn done(doing: &str, path: &str, answer: Answer) -> Result<()> {
    match answer {
        Ok(_) => Ok(()),
        Err(errno) => Err(refused(doing, path, errno)),
    }
}

fn names(path: &str, payload: &[u8]) -> Result<Vec<String>> {
    store_wire::names(payload).ok_or_else(|| {
        Error::fail(format!(
            "xenstored listed a child of {path} with an impossible name"
        ))
    })
}

pub(super) async fn read(session: &impl Session, path: &str) -> Result<Option<Vec<u8>>> {
    let answer = session.send_path(Kind::Read, path, b"")?.await?;
    present("reading", path, answer)
}

/// The number of the domain that asks, as the toolstack wrote it for that domain; `None` when nobody did. The one path here that
/// xenstored completes, since only it knows which domain's it is.
pub(super) async fn own_domid(session: &impl Session) -> Result<Option<Domid>> {
    const OWN: &str = "domid";
    session.check_gate()?;
    let answer = session.send(Kind::Read, &[OWN.as_bytes(), NUL])?.await?;
    let Some(text) = present("reading", OWN, answer)? else {
        return Ok(None);
    };
    let domid = std::str::from_utf8(&text).ok().and_then(parse_domid);
    let unknown = || Error::fail("xenstore does not hold this domain's number in its node domid");
    domid.map(Some).ok_or_else(unknown)
}

pub(super) async fn read_str(session: &impl Session, path: &str) -> Result<Option<String>> {
    let Some(bytes) = read(session, path).await? else {
        return Ok(None);
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Error::fail(format!(
            "the value of {path} in xenstore is not UTF-8"
        ))),
    }
}

pub(super) async fn list(session: &impl Session, path: &str) -> Result<Vec<String>> {
    match session.send_path(Kind::Directory, path, b"")?.await? {
        Ok(payload) => names(path, &payload),
        Err(libc::ENOENT) => Ok(Vec::new()),
        Err(libc::E2BIG) => list_parts(session, path).await,
        Err(errno) => Err(refused("listing", path, errno)),
    }
}

/// A directory that does not fit into one answer comes in parts; each carries the generation of the directory, and
/// a part that ends in an empty name is the last.
async fn list_parts(session: &impl Session, path: &str) -> Result<Vec<String>> {
    let bad = || Error::fail(format!("xenstored listed a part of {path} nobody can read"));
    let mut bytes = Vec::new();
    let mut generation = None;
    for _ in 0..LIST_PARTS {
        let offset = format!("{}\0", bytes.len());
        let request = session.send_path(Kind::DirectoryPart, path, offset.as_bytes())?;
        let Some(part) = present("listing", path, request.await?)? else {
            return Ok(Vec::new());
        };
        let split = part.iter().position(|byte| *byte == 0).ok_or_else(bad)?;
        let (now, rest) = (&part[..split], &part[split + 1..]);
        if generation
            .as_deref()
            .is_some_and(|before: &[u8]| before != now)
        {
            bytes.clear();
            generation = None;
            continue;
        }
        generation = Some(now.to_vec());
        if rest.is_empty() {
            return Err(bad());
        }
        bytes.extend_from_slice(rest);
        if rest == NUL || rest.ends_with(b"\0\0") {
            return names(path, &bytes);
        }
    }
    Err(Error::fail(format!(
        "the children of {path} in xenstore never stay the same"
    )))
}

pub(super) async fn write(session: &impl Session, path: &str, value: &[u8]) -> Result<()> {
    let answer = session.send_path(Kind::Write, path, value)?.await?;
    done("writing", path, answer)
}

pub(super) async fn mkdir(session: &impl Session, path: &str) -> Result<()> {
    let answer = session.send_path(Kind::Mkdir, path, b"")?.await?;
    done("making", path, answer)
}

pub(super) async fn rm(session: &impl Session, path: &str) -> Result<()> {
    match session.send_path(Kind::Rm, path, b"")?.await? {
        Err(libc::ENOENT) => Ok(()),
        answer => done("removing", path, answer),
    }
}

pub(super) async fn get_perms(session: &impl Session, path: &str) -> Result<Option<Perms>> {
    let answer = session.send_path(Kind::GetPerms, path, b"")?.await?;
    let Some(payload) = present("reading the permissions of", path, answer)? else {
        return Ok(None);
    };
    let perms = Perms::from_wire(&payload).ok_or_else(|| {
        let text = String::from_utf8_lossy(&payload);
        Error::fail(format!(
            "xenstored sent permissions nobody can read: {text:?}"
        ))
    })?;
    Ok(Some(perms))
}

pub(super) async fn set_perms(session: &impl Session, path: &str, perms: &Perms) -> Result<()> {
    let request = session.send_path(Kind::SetPerms, path, &perms.to_wire())?;
    done("setting the permissions of", path, request.await?)
}

/// Sends all changes before it waits for the first answer.
pub(super) async fn apply(session: &impl Session, batch: &Batch) -> Result<()> {
    let mut requests = Vec::with_capacity(batch.changes().len());
    for change in batch.changes() {
        let (doing, path, request) = match change {
            Change::Write { path, value } => (
                "writing",
                path,
                session.send_path(Kind::Write, path, value)?,
            ),
            Change::Mkdir { path } => ("making", path, session.send_path(Kind::Mkdir, path, b"")?),
            Change::Rm { path } => ("removing", path, session.send_path(Kind::Rm, path, b"")?),
            Change::Perms { path, perms } => (
                "setting the permissions of",
                path,
                session.send_path(Kind::SetPerms, path, &perms.to_wire())?,
            ),
        };
        requests.push((matches!(change, Change::Rm { .. }), doing, path, request));
    }
    for (may_be_absent, doing, path, request) in requests {
        match request.await? {
            Err(libc::ENOENT) if may_be_absent => {}
            answer => done(doing, path, answer)?,
        }
    }
    Ok(())
}
