//! Waiting for the QEMU in a stub domain, and what the stub domain says when there will be none.

use std::time::Duration;

use crate::dm;
use crate::engine::Op;
use crate::paths::XEN_LOGDIR;
use crate::store::layout;
use crate::{Domid, Error, Result};

/// How long a stub domain may take to say that its QEMU runs.
const STUBDOM_TIMEOUT: Duration = Duration::from_secs(30);

/// How many characters of a stub domain's complaint are shown.
const MOST_WORDS: usize = 300;

/// Waits for the QEMU in the stub domain; ends at once when the stub domain goes down or reports an error.
pub(super) async fn until_running(op: &Op, guest: Domid, stubdom: Domid) -> Result<()> {
    let state = layout::dm_state(stubdom, guest);
    let running = dm::wait_for_state(op, &state, "running");
    let waiting = format!("waiting for stub domain {stubdom} to run QEMU");
    let outcome = op
        .timeout(
            STUBDOM_TIMEOUT,
            &waiting,
            dm::first(running, goes_down(op, stubdom)),
        )
        .await;
    let Err(error) = outcome else { return Ok(()) };
    let error = match complaint(op, guest, stubdom).await {
        Some(words) => Error::fail(format!("stub domain {stubdom} says: {words}")),
        None => error,
    };
    Err(error.hint(format!(
        "its console is in the log qemu-dm-NAME.log of the guest's name, in {XEN_LOGDIR}"
    )))
}

/// What the stub domain says of its failure. It may write anything there.
async fn complaint(op: &Op, guest: Domid, stubdom: Domid) -> Option<String> {
    let path = format!("{}/error", layout::dm(stubdom, guest));
    let words = op.store().ok()?.read(&path).await.ok()??;
    let shown = printable(&words);
    (!shown.is_empty()).then_some(shown)
}

/// The beginning of a text from a domain, without what could fool a terminal.
fn printable(text: &[u8]) -> String {
    String::from_utf8_lossy(text)
        .chars()
        .take(MOST_WORDS)
        .map(|c| {
            if c.is_ascii_graphic() || c == ' ' {
                c
            } else {
                '?'
            }
        })
        .collect()
}

/// Returns, with an error, when the domain has shut down or is gone.
async fn goes_down(op: &Op, stubdom: Domid) -> Result<()> {
    let watch = op.watch(layout::RELEASE_DOMAIN).await?;
    loop {
        watch.changed().await?;
        if !dm::is_up(op, stubdom)? {
            return Err(Error::fail(format!("stub domain {stubdom} went down")));
        }
    }
}

/// What the stub domain of `guest` says of its failure, as it is shown.
#[cfg(feature = "fuzzing")]
pub(crate) async fn fuzzing_complaint(op: &Op, guest: Domid) -> Option<String> {
    complaint(op, guest, dm::stubdom_of(op, guest).await.ok()??).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_cannot_fool_the_terminal() {
        assert_eq!(printable(b"no disk /dev/xvda"), "no disk /dev/xvda");
        assert_eq!(printable(b"\x1b[2J\n\xff\xc3\xa9"), "?[2J???");
        assert_eq!(printable(&[b'x'; 4096]).len(), MOST_WORDS);
    }
}
