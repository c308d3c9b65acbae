//! Watches: being told that something changed.

use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use store_wire::Kind;

use super::Store;
use super::request::{self, Session, refused};
use crate::Result;

/// A watch on a path and everything below; dropping it ends it.
pub struct Watch {
    store: Store,
    token: u64,
    path: String,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watch({:?})", self.path)
    }
}

impl Store {
    /// Watches `path` and everything below.
    pub async fn watch(&self, path: &str) -> Result<Watch> {
        self.check_gate()?;
        request::check_path(path)?;
        let token = self.conn().add_watch(path)?;
        // From here on dropping `watch`, also in the middle of the request, removes the watch again.
        let watch = Watch {
            store: self.clone(),
            token,
            path: path.to_owned(),
        };
        let text = token.to_string();
        let request = self.send(
            Kind::Watch,
            &[path.as_bytes(), b"\0", text.as_bytes(), b"\0"],
        )?;
        match request.await? {
            Ok(_) => Ok(watch),
            Err(errno) => Err(refused("watching", path, errno)),
        }
    }
}

impl Watch {
    /// The watched path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Waits for the next change; gives the path that changed. Fires once at once after the watch was set.
    /// Changes are coalesced: a path that changed several times comes once, and when very many paths changed
    /// the watched path stands for all of them. What comes is hostile where a guest may write.
    pub async fn changed(&self) -> Result<String> {
        poll_fn(|cx| {
            if let Err(error) = self.store.check_gate() {
                return Poll::Ready(Err(error));
            }
            self.store.conn().poll_watch(self.token, cx)
        })
        .await
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.store.conn().remove_watch(self.token);
    }
}
