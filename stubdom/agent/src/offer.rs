//! The vchans of this domain, and how the toolstack's domain finds them.

use vchan::{Devices, Server, Sizes};

use crate::error::{Error, Result};
use crate::store::Store;

/// The domain that may connect.
const TOOLSTACK: u16 = 0;

/// For the screen: what is typed one way, pixels the other (2^12 and 2^17 bytes).
const SCREEN: (u8, u8) = (12, 17);

/// Carries QMP, as vchan-socket-proxy does.
pub fn qmp(target: &str) -> Result<Server> {
    vchan(target, "qmp-vchan", Sizes::IN_PAGE)
}

/// Carries streams of RFB.
pub fn screen(target: &str) -> Result<Server> {
    let sizes = Sizes::new(SCREEN.0, SCREEN.1);
    let sizes = sizes.ok_or_else(|| Error::new("no vchan has rings for the screen"))?;
    vchan(target, "vnc-vchan", sizes)
}

/// Offers a vchan and says so in the nodes `device-model/TARGET/NAME/{ring-ref,event-channel}`.
fn vchan(target: &str, name: &str, sizes: Sizes) -> Result<Server> {
    let failed = |source| Error::io(format!("offer {name}"), source);
    let devices = Devices::open().map_err(failed)?;
    let server = Server::offer(&devices, TOOLSTACK, sizes).map_err(failed)?;
    let base = format!("device-model/{target}/{name}");
    let nodes = [
        (format!("{base}/ring-ref"), server.ring_ref().to_string()),
        (format!("{base}/event-channel"), server.port().to_string()),
    ];
    Store::open()?.publish(&nodes, TOOLSTACK)?;
    Ok(server)
}
