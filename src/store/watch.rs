//! Watches: being told that something changed.

use std::fmt;
use std::future::poll_fn;
use std::task::Poll;

use super::Store;

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

impl Watch {
    pub(super) fn new(store: Store, token: u64, path: &str) -> Self {
        Self {
            store,
            token,
            path: path.to_owned(),
        }
    }

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
