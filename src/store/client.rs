//! Requests to xenstored as async functions.

use std::future::Future;

use super::{Batch, Perms};
use crate::{Code, Domid, Error, Result};

fn ni<T>() -> Result<T> {
    Err(Error::new(Code::Ni, "the xenstore client is not wired up"))
}

/// A handle on the connection to xenstored, cheap to clone. Many requests may be under way at once.
#[derive(Clone, Debug)]
pub struct Store {}

/// A transaction under way; see [`Store::transaction`].
#[derive(Clone, Debug)]
pub struct Tx {}

/// A watch on a path and everything below; dropping it ends it.
#[derive(Debug)]
pub struct Watch {}

macro_rules! requests {
    ($type:ty) => {
        impl $type {
            /// The value of a node; `None` when there is no such node.
            pub async fn read(&self, _path: &str) -> Result<Option<Vec<u8>>> {
                ni()
            }

            /// The value of a node as text; an error when it is not UTF-8.
            pub async fn read_str(&self, _path: &str) -> Result<Option<String>> {
                ni()
            }

            /// The names of a node's children; empty when there is no such node.
            pub async fn list(&self, _path: &str) -> Result<Vec<String>> {
                ni()
            }

            /// Sets a value, making the node and its parents if needed.
            pub async fn write(&self, _path: &str, _value: impl AsRef<[u8]>) -> Result<()> {
                ni()
            }

            /// Makes a node if it is not there.
            pub async fn mkdir(&self, _path: &str) -> Result<()> {
                ni()
            }

            /// Removes a node and all below; fine when it is not there.
            pub async fn rm(&self, _path: &str) -> Result<()> {
                ni()
            }

            /// A node's permissions; `None` when there is no such node.
            pub async fn get_perms(&self, _path: &str) -> Result<Option<Perms>> {
                ni()
            }

            /// Sets the permissions of a node that is there.
            pub async fn set_perms(&self, _path: &str, _perms: &Perms) -> Result<()> {
                ni()
            }

            /// Sends all changes of `batch` at once and waits for the answers.
            pub async fn apply(&self, _batch: &Batch) -> Result<()> {
                ni()
            }
        }
    };
}

requests!(Store);
requests!(Tx);

impl Store {
    /// Runs `body` in a transaction and commits it; when others got in between, it runs again on fresh data.
    /// An error from `body` ends the transaction without a trace.
    pub async fn transaction<T, F, Fut>(&self, _body: F) -> Result<T>
    where
        F: FnMut(Tx) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        ni()
    }

    /// Tells xenstored about a new domain: the frame of its store page and its event channel.
    pub async fn introduce(&self, _domid: Domid, _gfn: u64, _port: u32) -> Result<()> {
        ni()
    }

    /// Tells xenstored that a domain is gone.
    pub async fn release(&self, _domid: Domid) -> Result<()> {
        ni()
    }

    /// Lets `domid` (a stub domain) act for `target` in the store.
    pub async fn set_target(&self, _domid: Domid, _target: Domid) -> Result<()> {
        ni()
    }

    /// Watches `path` and everything below.
    pub async fn watch(&self, _path: &str) -> Result<Watch> {
        ni()
    }
}

impl Watch {
    /// Waits for the next change; gives the path that changed. Fires once at once after the watch was set.
    /// Changes are coalesced: a path that changed several times comes once.
    pub async fn changed(&self) -> Result<String> {
        ni()
    }
}
