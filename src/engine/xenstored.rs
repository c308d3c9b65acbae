//! A context's connection to xenstored, which the reactor serves.

use std::sync::Arc;

use super::Ctx;
use super::core::{StoreEntry, Target};
use super::reactor::{READ, WRITE};
use crate::store::{Conn, Store};
use crate::{Error, Result};

impl Ctx {
    /// The connection to xenstored, opened by the first call, and again after it was lost.
    pub fn store(&self) -> Result<Store> {
        Ok(Store::new(self.conn()?, None))
    }

    pub(super) fn conn(&self) -> Result<Arc<Conn>> {
        let guard = self.shared.lock();
        self.check_process()?;
        if let Some(store) = &guard.borrow().store {
            return Ok(Arc::clone(&store.conn));
        }
        let conn = Arc::new((self.shared.connect)()?);
        let fd = conn
            .fd()
            .ok_or_else(|| Error::fail("xenstored's descriptor is gone"))?;
        let raw = std::os::fd::AsRawFd::as_raw_fd(&fd);
        let fd = self.add_fd(raw, READ, Target::Store)?;
        guard.borrow_mut().store = Some(StoreEntry {
            conn: Arc::clone(&conn),
            fd,
            wants_write: false,
        });
        Ok(conn)
    }

    /// Sends what is queued for xenstored; asks for writability when not all of it went out.
    pub(super) fn flush_store(&self) {
        let guard = self.shared.lock();
        let Some((conn, fd, before)) = guard
            .borrow()
            .store
            .as_ref()
            .map(|store| (Arc::clone(&store.conn), store.fd, store.wants_write))
        else {
            return;
        };
        let wants = conn.flush();
        if !conn.is_alive() {
            self.lose_store();
            return;
        }
        if wants != before {
            let events = if wants { READ | WRITE } else { READ };
            if let Err(error) = self.modify_fd(fd, events) {
                self.shared.log.failure(&error);
            }
            if let Some(store) = guard.borrow_mut().store.as_mut() {
                store.wants_write = wants;
            }
        }
    }

    pub(super) fn service_store(&self) {
        let guard = self.shared.lock();
        let conn = guard
            .borrow()
            .store
            .as_ref()
            .map(|store| Arc::clone(&store.conn));
        if let Some(conn) = conn {
            conn.service();
            if !conn.is_alive() {
                self.lose_store();
            }
        }
    }

    /// The connection is dead: those who waited were told, the next user opens a new one.
    fn lose_store(&self) {
        let guard = self.shared.lock();
        let lost = guard.borrow_mut().store.take();
        if let Some(lost) = lost {
            self.remove_fd(lost.fd);
        }
    }
}
