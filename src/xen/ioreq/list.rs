//! Which ioreq servers a guest has, whoever made them.

use super::Xen;
use crate::{Domid, Error, Result};

/// Servers that a guest can have (`MAX_NR_IOREQ_SERVERS` of the hypervisor).
const MAX_SERVERS: u16 = 8;

/// Whose an ioreq server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The calling domain's; with the guest's event channel for buffered requests, 0 when it takes none.
    Here(u32),
    /// Another domain's; the hypervisor does not say which.
    Elsewhere,
}

impl Xen {
    /// The ioreq servers of an HVM or PVH guest by number. Changes nothing.
    pub fn ioreq_servers(&self, domid: Domid) -> Result<Vec<(u16, Owner)>> {
        let xc = self.xc_about(domid)?;
        let mut servers = Vec::new();
        for id in 0..MAX_SERVERS {
            match xc.ioreq_server_ring_port(domid, id) {
                Ok(port) => servers.push((id, Owner::Here(port))),
                Err(error) => match error.raw_os_error() {
                    Some(libc::ENOENT) => {}
                    Some(libc::EPERM) => servers.push((id, Owner::Elsewhere)),
                    _ => {
                        return Err(Error::io("looking at the ioreq servers", &error).domain(domid));
                    }
                },
            }
        }
        Ok(servers)
    }
}
