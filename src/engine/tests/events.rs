//! Events and progress reports on their way to the application.

use super::*;
use crate::engine::event::event;
use crate::types::{EvUser, Event};

#[test]
fn queue_filters_and_wakes_a_waiter_elsewhere() {
    let bench = Bench::new();
    let ctx = bench.ctx.clone();
    let waiter =
        std::thread::spawn(move || ctx.event_wait(1 << 2, |event| event.domid == 9).unwrap());
    std::thread::sleep(20 * MS);
    for domid in [8, 9, 10] {
        bench
            .ctx
            .event_occurred(event(domid, 0, EventU::DomainDeath));
    }
    bench
        .ctx
        .event_occurred(event(9, 0, EventU::DomainCreateConsoleAvailable));
    assert_eq!(waiter.join().unwrap().domid, 9);
    let order: Vec<_> = std::iter::from_fn(|| bench.ctx.event_check(ALL, |_| true).ok())
        .map(|event| event.domid)
        .collect();
    assert_eq!(order, [8, 10, 9]);
}

#[test]
fn sink_takes_its_types() {
    let bench = Bench::new();
    let seen: Arc<Mutex<Vec<Event>>> = Arc::default();
    let list = Arc::clone(&seen);
    let sink = EventSink {
        mask: 1 << 5,
        deliver: Arc::new(move |event| lock(&list).push(event)),
    };
    bench.ctx.set_event_sink(Some(sink), None);
    let how = ProgressHow::Queue(11);
    bench
        .ctx
        .block_on(async |op: &Op| {
            op.progress(&how, 4, EventU::DomainCreateConsoleAvailable);
            op.progress(&how, 4, EventU::DomainDeath);
            Ok(())
        })
        .unwrap();
    assert_eq!(lock(&seen).len(), 1);
    assert_eq!(lock(&seen)[0].for_user, EvUser(11));
    assert_eq!(
        bench.ctx.event_check(ALL, |_| true).unwrap().u,
        EventU::DomainDeath
    );
}

#[test]
fn completion_waits_for_progress_callbacks() {
    let bench = Bench::new();
    let order: Results = Arc::default();
    let list = Arc::clone(&order);
    let ctx = bench.ctx.clone();
    let progress = ProgressHow::Callback(Arc::new(move |_| {
        // A call from within a callback is allowed.
        ctx.block_on(async |op: &Op| op.sleep(10 * MS).await)
            .unwrap();
        lock(&list).push((1, 1));
    }));
    bench
        .ctx
        .start(Bench::how(2, &order), async move |op: Op| {
            op.progress(&progress, 1, EventU::DomainCreateConsoleAvailable);
            Ok(())
        })
        .unwrap();
    assert_eq!(*lock(&order), [(1, 1), (2, 0)]);
}
