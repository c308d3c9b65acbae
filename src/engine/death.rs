//! Domain-death events: each generator reports at most one shutdown and one death of its domain.

use std::time::Duration;

use super::Ctx;
use super::core::Life;
use super::event::{Event, EventKind};
use super::op::Op;
use crate::store::{Watch, layout};
use crate::{Domid, Result};

/// How long to wait before asking for a lost xenstored again.
const RETRY: Duration = Duration::from_secs(1);

/// The generators of a context, and the task that looks after them.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    list: Vec<Generator>,
    task: Option<u64>,
}

#[derive(Debug)]
struct Generator {
    id: u64,
    domid: Domid,
    for_user: u64,
    shutdown_reported: bool,
    death_reported: bool,
}

impl Deaths {
    #[cfg(test)]
    pub(super) fn has_task(&self) -> bool {
        self.task.is_some()
    }

    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

impl Ctx {
    /// Reports shutdown and death of `domid` as events with `for_user`, until [`Ctx::disable_domain_death`] with the
    /// number that this returns.
    pub fn enable_domain_death(&self, domid: Domid, for_user: u64) -> Result<u64> {
        let mut watch = None;
        let id = loop {
            if let Some(id) = self.add_generator(domid, for_user, &mut watch) {
                break id;
            }
            watch = Some(self.block_on(async |op: &Op| self::watch(op.ctx()).await)?);
        };
        self.check_deaths();
        self.settle();
        Ok(id)
    }

    /// Adds a generator, and a task with `watch` where none looks after them yet. `None` when there is neither task nor watch:
    /// the last one may have gone with the last generator since the caller looked.
    fn add_generator(&self, domid: Domid, for_user: u64, watch: &mut Option<Watch>) -> Option<u64> {
        let guard = self.shared.lock();
        if guard.borrow().deaths.task.is_none() {
            let watch = watch.take()?;
            let task = self.add_task(Box::pin(look_after(self.clone(), watch)));
            guard.borrow_mut().deaths.task = Some(task);
        }
        let mut core = guard.borrow_mut();
        let id = core.fresh_id();
        core.deaths.list.push(Generator {
            id,
            domid,
            for_user,
            shutdown_reported: false,
            death_reported: false,
        });
        Some(id)
    }

    /// Ends a generator. Events that it reported already stay in the queue.
    pub fn disable_domain_death(&self, id: u64) {
        let unneeded = {
            let guard = self.shared.lock();
            let mut core = guard.borrow_mut();
            core.deaths.list.retain(|generator| generator.id != id);
            match core.deaths.list.is_empty() {
                true => core.deaths.task.take(),
                false => None,
            }
        };
        if let Some(task) = unneeded {
            self.remove_task(task);
        }
        self.settle();
    }

    /// Looks at all domains that are not known to be dead, and reports what is new.
    fn check_deaths(&self) {
        let guard = self.shared.lock();
        let pending: Vec<_> = {
            let core = guard.borrow();
            let alive = core
                .deaths
                .list
                .iter()
                .filter(|generator| !generator.death_reported);
            alive
                .map(|generator| (generator.id, generator.domid))
                .collect()
        };
        if pending.is_empty() {
            return;
        }
        let domids: Vec<_> = pending.iter().map(|(_, domid)| *domid).collect();
        match (self.shared.probe)(&self.shared.xen, &domids) {
            Ok(lives) => {
                for ((id, _), life) in pending.into_iter().zip(lives) {
                    self.report(id, life);
                }
            }
            Err(error) => self.shared.log.failure(&error),
        }
    }

    fn report(&self, id: u64, life: Life) {
        let guard = self.shared.lock();
        let event = {
            let mut core = guard.borrow_mut();
            let Some(known) = core.deaths.list.iter_mut().find(|known| known.id == id) else {
                return;
            };
            let kind = match life {
                Life::Dead => {
                    known.death_reported = true;
                    EventKind::DomainDeath
                }
                Life::Shutdown(reason) if !known.shutdown_reported => {
                    known.shutdown_reported = true;
                    EventKind::DomainShutdown { reason }
                }
                Life::Shutdown(_) | Life::Alive => return,
            };
            let mut event = Event::new(known.domid, kind);
            event.for_user = known.for_user;
            event
        };
        self.event_occurred(event);
    }
}

async fn watch(ctx: &Ctx) -> Result<Watch> {
    ctx.store()?.watch(layout::RELEASE_DOMAIN).await
}

/// A lost xenstored is asked for again until it answers: the new watch fires at once, so no death is missed. An
/// application with a disaster hook decides by itself.
async fn look_after(ctx: Ctx, mut watched: Watch) {
    loop {
        match watched.changed().await {
            Ok(_) => ctx.check_deaths(),
            Err(error) => {
                if ctx.disaster(0, &error) {
                    return;
                }
                match watch_again(&ctx).await {
                    Some(watch) => watched = watch,
                    None => return,
                }
            }
        }
    }
}

async fn watch_again(ctx: &Ctx) -> Option<Watch> {
    loop {
        if let Ok(watch) = watch(ctx).await {
            return Some(watch);
        }
        // The only failure of a timer is one of the application's event loop, which then gets no more events at all.
        if let Err(error) = ctx.pause(RETRY).await {
            ctx.shared.log.failure(&error);
            return None;
        }
    }
}
