//! Domain-death events: each generator reports at most one shutdown and one death of its domain.
//!
//! All generators of a context have one watch and one task. Whenever a domain was released, that looks at all their domains at
//! once.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::engine::{Ctx, Op};
use crate::store::{Watch, layout};
use crate::types::{EventDomainShutdown, EventU};
use crate::xen::{DomainInfo, Xen};
use crate::{Domid, Result};

/// How long to wait before asking for a lost xenstored again.
const RETRY: Duration = Duration::from_secs(1);

/// How alive a domain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// It runs, or is paused.
    Alive,
    /// It shut down for this reason (the hypervisor's number).
    Shutdown(u8),
    /// It is being torn down, or is gone.
    Dead,
}

/// Reports shutdown and death of `domid` as events with `for_user`, until [`disable`] with the number that this returns.
/// What happened before is reported at once. After a death there is nothing to disable, and no harm in it.
pub fn enable(ctx: &Ctx, domid: Domid, for_user: u64) -> Result<u64> {
    let deaths = Deaths::of(ctx);
    let mut watch = None;
    let (id, next) = loop {
        if let Some(added) = deaths.add(domid, for_user, &mut watch) {
            break added;
        }
        watch = Some(ctx.block_on(async |op: &Op| self::watch(op.ctx()).await)?);
    };
    // Left over when the task of another thread came first.
    drop(watch);
    match next {
        Next::Start(watch) => {
            ctx.start_generator(None, |ctx| deaths.look_after(ctx, watch));
        }
        Next::Wake(task) => ctx.wake_generator(task),
    }
    Ok(id)
}

/// Ends what [`enable`] began. Events that it reported already stay in the queue.
pub fn disable(ctx: &Ctx, id: u64) {
    let task = Deaths::of(ctx).remove(id);
    ctx.wake_generator(task);
}

/// The generators of a context.
struct Deaths {
    look: Box<Look>,
    /// Locked for a few statements, in which nothing else is called.
    state: Mutex<State>,
}

/// How alive these domains are, in their order.
type Look = dyn Fn(&Ctx, &[Domid]) -> Result<Vec<Life>> + Send + Sync;

#[derive(Default)]
struct State {
    list: Vec<Generator>,
    last_id: u64,
    /// A task looks after the list, or is about to.
    looked_after: bool,
    /// The task has to look, although no domain was released.
    changed: bool,
    /// Wakes the task.
    task: Option<Waker>,
}

struct Generator {
    id: u64,
    domid: Domid,
    for_user: u64,
    shutdown_reported: bool,
}

/// What is to do after a generator was added.
enum Next {
    /// Start the task, with this watch.
    Start(Watch),
    /// Wake the task.
    Wake(Option<Waker>),
}

impl Deaths {
    fn of(ctx: &Ctx) -> Arc<Self> {
        ctx.shared_state(|| Self::new(|ctx, domids| lives(ctx.xen()?, domids)))
    }

    fn new(look: impl Fn(&Ctx, &[Domid]) -> Result<Vec<Life>> + Send + Sync + 'static) -> Self {
        Self {
            look: Box::new(look),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a generator. `None` when there is neither task nor watch: the last task may have gone with the last generator since
    /// the caller looked.
    fn add(&self, domid: Domid, for_user: u64, watch: &mut Option<Watch>) -> Option<(u64, Next)> {
        let mut state = self.state();
        let next = match state.looked_after {
            true => Next::Wake(state.task.clone()),
            false => Next::Start(watch.take()?),
        };
        state.looked_after = true;
        state.changed = true;
        state.last_id += 1;
        let id = state.last_id;
        state.list.push(Generator {
            id,
            domid,
            for_user,
            shutdown_reported: false,
        });
        Some((id, next))
    }

    /// Gives the task when that has nothing to look after any more.
    fn remove(&self, id: u64) -> Option<Waker> {
        let mut state = self.state();
        state.list.retain(|generator| generator.id != id);
        if !state.list.is_empty() {
            return None;
        }
        state.changed = true;
        state.task.clone()
    }

    /// The task.
    async fn look_after(self: Arc<Self>, ctx: Ctx, watch: Watch) -> Result<()> {
        let mut watch = Some(watch);
        while self.look_at_all(&ctx) {
            let Some(watched) = &watch else {
                // The new watch fires at once, so no death is missed.
                watch = self::watch(&ctx).await.ok();
                if watch.is_none() {
                    // Fails where the application's event loop sets no timer.
                    let pause = self.or_changed(ctx.generator_pause(RETRY)).await;
                    pause.inspect_err(|_| self.leave())?;
                }
                continue;
            };
            if let Err(error) = self.or_changed(watched.changed()).await {
                // An application with a hook decides by itself. When it enables another generator, a new task begins.
                // It lost events of all types.
                if ctx.report_disaster(None, &error) {
                    self.leave();
                    break;
                }
                watch = None;
            }
        }
        Ok(())
    }

    /// Waits for `work`, or until the list has changed.
    async fn or_changed<T>(&self, work: impl Future<Output = Result<T>>) -> Result<()> {
        let mut work = pin!(work);
        poll_fn(|cx| {
            {
                let mut state = self.state();
                if state.changed {
                    return Poll::Ready(Ok(()));
                }
                state.task = Some(cx.waker().clone());
            }
            work.as_mut().poll(cx).map_ok(drop)
        })
        .await
    }

    /// Looks at all domains and reports what is new. False when no generator is left: the task has to end.
    fn look_at_all(&self, ctx: &Ctx) -> bool {
        let domids = self.wanted();
        if !domids.is_empty() {
            match (self.look)(ctx, &domids) {
                Ok(lives) => {
                    let lives = domids.into_iter().zip(lives).collect();
                    for (domid, for_user, what) in self.news(&lives) {
                        ctx.report_event(domid, for_user, what);
                    }
                }
                Err(error) => ctx.log().failure(&error),
            }
        }
        let mut state = self.state();
        state.looked_after = !state.list.is_empty();
        state.looked_after
    }

    /// The domains that generators wait for, each once.
    fn wanted(&self) -> Vec<Domid> {
        let mut state = self.state();
        state.changed = false;
        let domids: BTreeSet<_> = state.list.iter().map(|wanted| wanted.domid).collect();
        domids.into_iter().collect()
    }

    /// What is to be reported: domid, user, event. Generators of dead domains have nothing to wait for and leave.
    fn news(&self, lives: &BTreeMap<Domid, Life>) -> Vec<(Domid, u64, EventU)> {
        let mut events = Vec::new();
        self.state().list.retain_mut(|generator| {
            // A generator that came meanwhile has to wait for the next look.
            let Some(life) = lives.get(&generator.domid) else {
                return true;
            };
            let news = generator.news(*life);
            events.extend(news.map(|what| (generator.domid, generator.for_user, what)));
            *life != Life::Dead
        });
        events
    }

    /// The task ends although there are generators.
    fn leave(&self) {
        self.state().looked_after = false;
    }
}

impl Generator {
    fn news(&mut self, life: Life) -> Option<EventU> {
        match life {
            Life::Dead => Some(EventU::DomainDeath),
            Life::Shutdown(reason) if !self.shutdown_reported => {
                self.shutdown_reported = true;
                Some(EventU::DomainShutdown(EventDomainShutdown {
                    shutdown_reason: reason,
                }))
            }
            Life::Shutdown(_) | Life::Alive => None,
        }
    }
}

/// The hypervisor's answer: one hypercall for one domain, and one for any number up to a thousand on the host.
fn lives(xen: &Xen, domids: &[Domid]) -> Result<Vec<Life>> {
    if let [domid] = domids {
        let info = xen.domain_info(*domid).map_err(|e| e.domain(*domid))?;
        return Ok(vec![life(info.as_ref())]);
    }
    let list = xen.domain_list()?;
    let find = |domid: &Domid| list.iter().find(|info| info.domid == *domid);
    Ok(domids.iter().map(|domid| life(find(domid))).collect())
}

fn life(info: Option<&DomainInfo>) -> Life {
    match info {
        Some(info) if info.flags.dying() => Life::Dead,
        Some(info) if info.flags.shutdown() => Life::Shutdown(info.shutdown_code),
        Some(_) => Life::Alive,
        None => Life::Dead,
    }
}

async fn watch(ctx: &Ctx) -> Result<Watch> {
    ctx.store()?.watch(layout::RELEASE_DOMAIN).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;
    use crate::store::fake::Fault;
    use crate::types::{EvUser, EventType};

    const ALL: u64 = u64::MAX;

    /// A context on a host whose domains' lives a test decides.
    struct Host {
        bench: Bench,
        lives: Arc<Mutex<BTreeMap<Domid, Life>>>,
        /// Which domains were looked at, a list for each look.
        looks: Arc<Mutex<Vec<Vec<Domid>>>>,
    }

    impl Host {
        fn new(alive: impl IntoIterator<Item = Domid>) -> Self {
            let lives = alive.into_iter().map(|domid| (domid, Life::Alive));
            let host = Self {
                bench: Bench::new(),
                lives: Arc::new(Mutex::new(lives.collect())),
                looks: Arc::default(),
            };
            let (lives, looks) = (Arc::clone(&host.lives), Arc::clone(&host.looks));
            let look = move |_: &Ctx, domids: &[Domid]| {
                looks.lock().unwrap().push(domids.to_vec());
                let lives = lives.lock().unwrap();
                let life = |domid| lives.get(domid).copied().unwrap_or(Life::Dead);
                Ok(domids.iter().map(life).collect())
            };
            host.bench.ctx.shared_state(|| Deaths::new(look));
            host
        }

        fn becomes(&self, domid: Domid, life: Life) {
            self.lives.lock().unwrap().insert(domid, life);
        }

        fn enable(&self, domid: Domid, for_user: u64) -> u64 {
            enable(&self.bench.ctx, domid, for_user).unwrap()
        }

        fn released(&self) {
            self.bench.store.fire("@releaseDomain");
        }

        /// Everything that xenstored was asked for, and everything it said, is dealt with.
        fn round_trip(&self) -> Result<()> {
            let read = async |op: &Op| op.store()?.read("/").await;
            self.bench.ctx.block_on(read).map(drop)
        }

        /// All new events, each with its user.
        fn events(&self) -> Vec<(u64, EventU)> {
            self.round_trip().unwrap();
            std::iter::from_fn(|| self.bench.ctx.event_check(ALL, |_| true).ok())
                .map(|event| (event.for_user.0, event.u))
                .collect()
        }

        fn watches(&self) -> usize {
            self.round_trip().unwrap();
            self.bench.store.watches()
        }

        fn looks(&self) -> Vec<Vec<Domid>> {
            std::mem::take(&mut *self.looks.lock().unwrap())
        }

        /// The connection to xenstored ends.
        fn loses_xenstored(&self) {
            self.bench.store.fault(2, Fault::Close);
            assert!(self.round_trip().is_err());
        }
    }

    impl Drop for Host {
        /// A generator that is left holds the context, and so its descriptors.
        fn drop(&mut self) {
            self.bench.ctx.clone().close();
        }
    }

    #[test]
    fn twenty_generators_have_one_watch_and_one_look_per_release() {
        let all: Vec<Domid> = (1..=20).collect();
        let host = Host::new(all.iter().copied());
        let ids: Vec<_> = all
            .iter()
            .map(|domid| host.enable(*domid, (*domid).into()))
            .collect();
        assert_eq!(host.watches(), 1);
        let requests = host.bench.store.log();
        let watched = |(_, path): &&(u32, String)| path == "@releaseDomain";
        assert_eq!(requests.iter().filter(watched).count(), 1);
        host.looks();
        host.becomes(7, Life::Dead);
        host.released();
        assert_eq!(host.events(), [(7, EventU::DomainDeath)]);
        assert_eq!(host.looks(), [&all[..]]);
        // Nobody waits for a domain that is known to be dead.
        host.released();
        assert_eq!(host.events(), []);
        let rest: Vec<_> = all.into_iter().filter(|domid| *domid != 7).collect();
        assert_eq!(host.looks(), [rest]);
        for id in ids {
            assert_eq!(host.watches(), 1);
            disable(&host.bench.ctx, id);
        }
        assert_eq!(host.watches(), 0);
    }

    #[test]
    fn deaths_are_reported_once_each() {
        let host = Host::new([5]);
        let first = host.enable(5, 51);
        let second = host.enable(5, 52);
        assert_eq!(host.events(), []);
        host.becomes(5, Life::Shutdown(3));
        let shutdown = EventU::DomainShutdown(EventDomainShutdown { shutdown_reason: 3 });
        host.looks();
        host.released();
        assert_eq!(host.events(), [(51, shutdown.clone()), (52, shutdown)]);
        assert_eq!(host.looks(), [[5]], "two generators, one domain");
        host.released();
        assert_eq!(host.events(), []);
        host.becomes(5, Life::Dead);
        disable(&host.bench.ctx, second);
        for _ in 0..3 {
            host.released();
        }
        assert_eq!(host.events(), [(51, EventU::DomainDeath)]);
        // There is nothing to wait for any more, disabled or not.
        assert_eq!(host.watches(), 0);
        disable(&host.bench.ctx, first);
    }

    #[test]
    fn a_domain_that_is_gone_already_is_reported_at_once() {
        let host = Host::new([5]);
        let first = host.enable(5, 51);
        let late = host.enable(6, 61);
        let event = host.bench.ctx.event_check(ALL, |_| true).unwrap();
        assert_eq!((event.domid, event.for_user), (6, EvUser(61)));
        for id in [first, late] {
            disable(&host.bench.ctx, id);
        }
        assert_eq!(host.events(), []);
        assert_eq!(host.watches(), 0);
    }

    #[test]
    fn lost_xenstored_is_found_again() {
        let host = Host::new([5, 6]);
        host.enable(5, 1);
        host.enable(6, 2);
        host.loses_xenstored();
        while host.watches() == 0 {}
        host.becomes(5, Life::Dead);
        host.released();
        assert_eq!(host.events(), [(1, EventU::DomainDeath)]);
        assert_eq!(host.watches(), 1);
    }

    #[test]
    fn an_application_with_a_disaster_hook_decides_by_itself() {
        let host = Host::new([5, 6]);
        let told: Arc<Mutex<Vec<Option<EventType>>>> = Arc::default();
        let list = Arc::clone(&told);
        let hook = Arc::new(move |type_, _: &str, _| list.lock().unwrap().push(type_));
        host.bench.ctx.set_event_sink(None, Some(hook));
        host.enable(5, 1);
        host.loses_xenstored();
        for _ in 0..10 {
            assert_eq!(host.watches(), 0);
        }
        assert_eq!(*told.lock().unwrap(), [None]);
        // Another generator is looked after, and the first one again.
        host.enable(6, 2);
        assert_eq!(host.watches(), 1);
        host.becomes(5, Life::Dead);
        host.released();
        assert_eq!(host.events(), [(1, EventU::DomainDeath)]);
    }

    #[test]
    fn generators_always_have_somebody_who_looks_after_them() {
        let host = Host::new([5]);
        let contend = |user| {
            for round in 0..2000 {
                let id = host.enable(5, user);
                disable(&host.bench.ctx, id);
                // A domain that is gone is reported to the thread that asks, or it hangs.
                if round % 8 == 0 {
                    host.enable(6, user);
                    let event = host
                        .bench
                        .ctx
                        .event_wait(ALL, |event| event.for_user == EvUser(user));
                    assert_eq!(event.unwrap().u, EventU::DomainDeath);
                }
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| contend(1));
            scope.spawn(|| contend(2));
        });
        assert_eq!(host.watches(), 0);
        host.enable(5, 3);
        assert_eq!(host.watches(), 1);
    }

    #[test]
    fn an_unknown_domain_is_dead() {
        assert_eq!(life(None), Life::Dead);
    }
}
