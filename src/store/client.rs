//! The store as the rest of the crate uses it: requests as async functions, transactions, domain introduction.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use store_wire::Kind;

use super::conn::Conn;
use super::request::{self, Session, refused};
use super::{Batch, Change, Perms};
use crate::gate::Gate;
use crate::{Boxed, Domid, Error, Result};

/// How often a transaction that others got in the way of is tried. xenstored lets one of the rivals through each time,
/// so that even hundreds of concurrent creations end.
const ATTEMPTS: u32 = 1000;

/// How often a transaction is begun anew that failed by what others removed meanwhile.
const TORN: u32 = 5;

/// Whether a transaction failed by what others removed meanwhile, as QEMU does with its backends. xenstored copies nodes into it one
/// by one, so that a parent in there can name a child which is gone (EIO), or a child can be there without its parent, which cannot
/// be removed (EINVAL). And it ends with ENOMEM when the owner of a node that it removes has left the hypervisor.
fn is_torn(error: &Error) -> bool {
    matches!(error.errno(), Some(libc::EIO | libc::EINVAL | libc::ENOMEM))
}

/// A handle on the connection to xenstored, cheap to clone. Many requests may be under way at once. A request that was
/// sent is always waited for, aborted or not, so that the caller knows whether it took effect.
#[derive(Clone)]
pub struct Store {
    conn: Arc<Conn>,
    gate: Option<Arc<dyn Gate>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.conn.fd()).finish()
    }
}

/// A transaction under way; see [`Store::transaction`].
#[derive(Clone, Debug)]
pub struct Tx {
    store: Store,
    id: u32,
}

macro_rules! requests {
    ($type:ty) => {
        impl $type {
            /// The value of a node; `None` when there is no such node.
            pub async fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
                request::read(self, path).await
            }

            /// The value of a node as text; `None` when there is no such node, an error when it is not UTF-8.
            pub async fn read_str(&self, path: &str) -> Result<Option<String>> {
                request::read_str(self, path).await
            }

            /// Whether there is such a node with exactly this value, which need not be text.
            pub async fn holds(&self, path: &str, value: impl AsRef<[u8]>) -> Result<bool> {
                Ok(self.read(path).await?.as_deref() == Some(value.as_ref()))
            }

            /// The names of a node's children; empty when there is no such node.
            pub async fn list(&self, path: &str) -> Result<Vec<String>> {
                request::list(self, path).await
            }

            /// Sets a value, making the node and its parents if needed.
            pub async fn write(&self, path: &str, value: impl AsRef<[u8]>) -> Result<()> {
                request::write(self, path, value.as_ref()).await
            }

            /// Makes a node if it is not there.
            pub async fn mkdir(&self, path: &str) -> Result<()> {
                request::mkdir(self, path).await
            }

            /// Removes a node and all below; fine when it is not there.
            pub async fn rm(&self, path: &str) -> Result<()> {
                request::rm(self, path).await
            }

            /// A node's permissions; `None` when there is no such node.
            pub async fn get_perms(&self, path: &str) -> Result<Option<Perms>> {
                request::get_perms(self, path).await
            }

            /// Sets the permissions of a node that is there.
            pub async fn set_perms(&self, path: &str, perms: &Perms) -> Result<()> {
                request::set_perms(self, path, perms).await
            }
        }
    };
}

requests!(Store);
requests!(Tx);

impl Store {
    /// A handle on `conn`; `gate` is asked before every request.
    pub fn new(conn: Arc<Conn>, gate: Option<Arc<dyn Gate>>) -> Self {
        Self { conn, gate }
    }

    /// The connection behind the handle.
    pub fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    pub(super) fn check_gate(&self) -> Result<()> {
        self.gate.as_ref().map_or(Ok(()), |gate| gate.check())
    }

    /// The number of the domain that this process runs in; `None` when xenstore does not say it.
    pub async fn own_domid(&self) -> Result<Option<Domid>> {
        request::own_domid(self).await
    }

    /// Makes all changes of `batch` at once, or none.
    pub async fn apply(&self, batch: &Batch) -> Result<()> {
        match batch.changes() {
            [] => Ok(()),
            // One request is atomic by itself.
            [Change::Write { .. } | Change::Mkdir { .. } | Change::Rm { .. }] => {
                request::apply(self, batch).await
            }
            _ => self.transaction(async |tx: Tx| tx.apply(batch).await).await,
        }
    }

    /// Runs `body` in a transaction and commits it; when others got in between, it runs again on fresh data.
    /// An error from `body` ends the transaction without a trace.
    pub async fn transaction<T, F, Fut>(&self, mut body: F) -> Result<T>
    where
        F: FnMut(Tx) -> Fut + Send,
        Fut: Future<Output = Result<T>> + Send,
        T: Send,
    {
        self.repeated(&mut |tx| Box::pin(body(tx))).await
    }

    /// One loop for all bodies: the code of each is there once.
    async fn repeated<'a, T>(
        &self,
        body: &mut (dyn FnMut(Tx) -> Boxed<'a, Result<T>> + Send),
    ) -> Result<T> {
        let mut torn = 0;
        for _ in 0..ATTEMPTS {
            let mut running = Running::start(self).await?;
            let ended = match body(running.tx.clone()).await {
                Ok(value) => running.commit().await.map(|done| done.then_some(value)),
                Err(error) => Err(error),
            };
            match ended {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => {}
                Err(error) if torn < TORN && is_torn(&error) => torn += 1,
                Err(error) => return Err(error),
            }
        }
        Err(Error::fail(format!(
            "a xenstore transaction met changes by others {ATTEMPTS} times"
        ))
        .hint("something writes to xenstore without pause; xenstore-watch shows it"))
    }

    /// Tells xenstored about a new domain: the frame of its store page and its event channel.
    pub async fn introduce(&self, domid: Domid, gfn: u64, port: u32) -> Result<()> {
        let numbers = [u64::from(domid), gfn, u64::from(port)];
        self.about_domain(Kind::Introduce, "introducing", domid, &numbers)
            .await
    }

    /// Tells xenstored that a domain is gone.
    pub async fn release(&self, domid: Domid) -> Result<()> {
        self.about_domain(Kind::Release, "releasing", domid, &[u64::from(domid)])
            .await
    }

    /// Lets `domid` (a stub domain) act for `target` in the store.
    pub async fn set_target(&self, domid: Domid, target: Domid) -> Result<()> {
        let numbers = [u64::from(domid), u64::from(target)];
        self.about_domain(Kind::SetTarget, "setting the target of", domid, &numbers)
            .await
    }

    async fn about_domain(
        &self,
        kind: Kind,
        doing: &str,
        domid: Domid,
        numbers: &[u64],
    ) -> Result<()> {
        self.check_gate()?;
        let payload: String = numbers.iter().map(|number| format!("{number}\0")).collect();
        let answer = self.send(kind, &[payload.as_bytes()])?.await?;
        answer.map(|_| ()).map_err(|errno| {
            let source = std::io::Error::from_raw_os_error(errno);
            Error::io(format!("{doing} the domain in xenstore"), &source).domain(domid)
        })
    }
}

impl Tx {
    /// Sends all changes of `batch` at once and waits for the answers.
    pub async fn apply(&self, batch: &Batch) -> Result<()> {
        request::apply(self, batch).await
    }
}

impl Session for Store {
    fn conn(&self) -> &Arc<Conn> {
        &self.conn
    }

    fn check_gate(&self) -> Result<()> {
        Store::check_gate(self)
    }

    fn tx(&self) -> u32 {
        0
    }
}

impl Session for Tx {
    fn conn(&self) -> &Arc<Conn> {
        &self.store.conn
    }

    fn check_gate(&self) -> Result<()> {
        self.store.check_gate()
    }

    fn tx(&self) -> u32 {
        self.id
    }
}

/// A transaction that is ended without effect unless it is committed.
struct Running {
    tx: Tx,
    open: bool,
}

impl Running {
    async fn start(store: &Store) -> Result<Self> {
        store.check_gate()?;
        let answer = store.send(Kind::TransactionStart, &[b"\0"])?.await?;
        let payload = answer.map_err(|errno| refused("starting a transaction", "", errno))?;
        let id = store_wire::transaction(&payload)
            .filter(|id| *id != 0)
            .ok_or_else(|| Error::fail("xenstored started a transaction without a number"))?;
        let store = store.clone();
        Ok(Self {
            tx: Tx { store, id },
            open: true,
        })
    }

    /// False when somebody else changed what the transaction saw.
    async fn commit(&mut self) -> Result<bool> {
        self.open = false;
        match self.tx.send(Kind::TransactionEnd, &[b"T\0"])?.await? {
            Ok(_) => Ok(true),
            Err(libc::EAGAIN) => Ok(false),
            Err(errno) => Err(refused("committing a transaction", "", errno)),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.open {
            let conn = self.tx.store.conn();
            conn.post(Kind::TransactionEnd, self.tx.id, &[b"F\0"]);
        }
    }
}
