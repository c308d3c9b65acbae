//! What is under way for devices and guests, side by side.

use std::future::poll_fn;
use std::task::Poll;

use crate::device::Device;
use crate::{Boxed, Domid, Result};

/// What a job is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The backend of this device is waited for.
    Patience(Device),
    /// The scripts of this device run, to connect it or to let it go.
    Scripts { device: Device, attach: bool },
    /// The QEMU for this guest starts or ends.
    Qemu(Domid),
}

/// The jobs. Dropping one ends it.
#[derive(Default)]
pub(super) struct Jobs(Vec<(About, Boxed<'static, Result<()>>)>);

impl Jobs {
    pub(super) fn add(&mut self, about: About, job: Boxed<'static, Result<()>>) {
        self.0.push((about, job));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// How many devices' scripts run.
    pub(super) fn scripts(&self) -> usize {
        let scripts = |(about, _): &&(About, _)| matches!(about, About::Scripts { .. });
        self.0.iter().filter(scripts).count()
    }

    /// Drops the job about this, if there is one.
    pub(super) fn drop_about(&mut self, about: About) {
        self.0.retain(|(other, _)| *other != about);
    }

    /// Waits for the next one that ends; for ever when there is none. Nothing is lost when this is dropped.
    pub(super) async fn next(&mut self) -> (About, Result<()>) {
        poll_fn(|cx| {
            for (at, (about, job)) in self.0.iter_mut().enumerate() {
                if let Poll::Ready(outcome) = job.as_mut().poll(cx) {
                    let about = *about;
                    drop(self.0.swap_remove(at));
                    return Poll::Ready((about, outcome));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Lets all of them end that are more than waiting.
    pub(super) async fn finish(&mut self) {
        self.0
            .retain(|(about, _)| !matches!(about, About::Patience(_)));
        while !self.0.is_empty() {
            let (_, _) = self.next().await;
        }
    }
}
