//! For compat-tests/fuzz: a connection whose other end is the fuzzer.

use std::future::Future;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::conn::{Conn, Transport};
use super::{Store, layout};

/// A client with a watch, a read, a list and a transaction under way, to which `bytes` come from the daemon.
pub(crate) fn conversation(bytes: &[u8]) {
    let (ours, mut theirs) = UnixStream::pair().expect("socket pair");
    ours.set_nonblocking(true).expect("non-blocking");
    theirs.set_nonblocking(true).expect("non-blocking");
    let conn = Arc::new(Conn::new(ours.into(), Transport::Socket));
    let store = Store::new(Arc::clone(&conn), None);
    let domain = layout::domain(5);
    let mut watching = pin!(async {
        let watch = store.watch(&domain).await?;
        loop {
            watch.changed().await?;
            store.read(&domain).await?;
        }
    });
    let mut asking = pin!(async {
        store.read_str(&domain).await?;
        store.list(&domain).await?;
        store.get_perms(&domain).await?;
        let write = async |tx: super::Tx| tx.write(&domain, b"x").await;
        store.transaction(write).await
    });
    let mut cx = Context::from_waker(Waker::noop());
    let (mut lost, mut done) = (false, false);
    for part in bytes.chunks(1 + bytes.len() / 4) {
        lost = lost || ended(watching.as_mut().poll(&mut cx));
        done = done || ended(asking.as_mut().poll(&mut cx));
        conn.flush();
        // What does not fit is not sent; nobody reads while this writes.
        let _ = theirs.write(part);
        conn.service();
    }
}

fn ended(poll: Poll<crate::Result<()>>) -> bool {
    poll.is_ready()
}
