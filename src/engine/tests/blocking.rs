//! Work beside the context: who is served meanwhile, and how it ends.

use std::collections::HashMap;
use std::os::fd::RawFd;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::thread::ThreadId;

use super::*;

/// Work that goes on until it is told to end; counts its pieces, each of which takes a while.
fn until_told(pieces: &Arc<AtomicU32>) -> impl FnOnce(&Work) -> Result<()> + Send + 'static {
    let pieces = Arc::clone(pieces);
    move |work| loop {
        work.check()?;
        std::thread::sleep(30 * MS);
        pieces.fetch_add(1, Ordering::SeqCst);
    }
}

fn wait_for(what: impl Fn() -> bool) {
    while !what() {
        std::thread::yield_now();
    }
}

#[test]
fn others_are_served_meanwhile() {
    let bench = Bench::new();
    let (go, gone) = mpsc::channel::<u32>();
    bench
        .ctx
        .start(Bench::event(1), async |op: Op| {
            let value = op.blocking("wait", move |_| Ok(gone.recv().unwrap()));
            assert_eq!(value.await?, 5);
            Ok(())
        })
        .unwrap();
    // Timers, the store and another thread's synchronous calls go on.
    let ctx = bench.ctx.clone();
    let other = std::thread::spawn(move || {
        ctx.block_on(async |op: &Op| op.store()?.write("/a", "1").await)
    });
    bench
        .ctx
        .block_on(async |op: &Op| op.sleep(5 * MS).await)
        .unwrap();
    other.join().unwrap().unwrap();
    assert!(bench.ctx.event_check(ALL, |_| true).is_err());
    go.send(5).unwrap();
    assert_eq!(complete(&bench), (1, 0));
}

#[test]
fn the_value_of_a_synchronous_call_comes_back() {
    let bench = Bench::new();
    let here = std::thread::current().id();
    let there = bench
        .ctx
        .block_on(async |op: &Op| {
            op.blocking("look", |_| Ok(std::thread::current().id()))
                .await
        })
        .unwrap();
    assert_ne!(here, there);
}

#[test]
fn an_abort_ends_it_and_undos_run_after_it() {
    let bench = Bench::new();
    let pieces = Arc::new(AtomicU32::new(0));
    let (seen, work) = (Arc::new(AtomicU32::new(0)), until_told(&pieces));
    let (undone, counted) = (Arc::clone(&seen), Arc::clone(&pieces));
    bench
        .ctx
        .start(Bench::event(1), async move |op: Op| {
            op.with_rollback(async |undo: Rollback| {
                undo.push("note", async move |_: Op| {
                    undone.store(counted.load(Ordering::SeqCst), Ordering::SeqCst);
                    Ok(())
                });
                op.blocking("work", work).await
            })
            .await
        })
        .unwrap();
    wait_for(|| pieces.load(Ordering::SeqCst) > 0);
    bench.ctx.abort(Some((0, 1))).unwrap();
    assert_eq!(complete(&bench), (1, Code::Aborted as i32));
    // Its last piece was done when its undo ran.
    assert_eq!(seen.load(Ordering::SeqCst), pieces.load(Ordering::SeqCst));
}

#[test]
fn a_shielded_operation_is_not_told() {
    let bench = Bench::new();
    let (go, gone) = mpsc::channel::<()>();
    bench
        .ctx
        .start(Bench::event(1), async |op: Op| {
            let work = move |work: &Work| {
                gone.recv().unwrap();
                work.check()
            };
            op.shielded().blocking("finish", work).await
        })
        .unwrap();
    bench.ctx.abort(Some((0, 1))).unwrap();
    go.send(()).unwrap();
    assert_eq!(complete(&bench), (1, 0));
}

#[test]
fn what_is_dropped_ends_before_its_undo() {
    let bench = Bench::new();
    let pieces = Arc::new(AtomicU32::new(0));
    let error = bench
        .ctx
        .block_on(async |op: &Op| {
            let work = op.blocking("work", until_told(&pieces));
            let slow = op.with_rollback(async |undo: Rollback| {
                let pieces = Arc::clone(&pieces);
                undo.push("compare", async move |op: Op| {
                    let before = pieces.load(Ordering::SeqCst);
                    op.sleep(100 * MS).await?;
                    assert_eq!(before, pieces.load(Ordering::SeqCst));
                    pieces.store(1_000_000, Ordering::SeqCst);
                    Ok(())
                });
                work.await
            });
            op.timeout(5 * MS, "waiting for work", slow).await
        })
        .unwrap_err();
    assert_eq!(error.code(), Code::Timedout);
    assert_eq!(pieces.load(Ordering::SeqCst), 1_000_000);
}

#[test]
fn a_panic_in_it_is_an_error_and_undone() {
    let bench = Bench::new();
    let undone = Arc::new(AtomicU32::new(0));
    let result = bench.ctx.block_on(async |op: &Op| {
        op.with_rollback(async |undo: Rollback| {
            let undone = Arc::clone(&undone);
            undo.push("count", async move |_: Op| {
                undone.fetch_add(1, Ordering::SeqCst);
                Ok(())
            });
            op.blocking("fall", |_| -> Result<()> { panic!("on purpose") })
                .await
        })
        .await
    });
    assert_eq!(result.unwrap_err().code(), Code::Fail);
    assert_eq!(undone.load(Ordering::SeqCst), 1);
}

#[test]
fn closing_waits_for_it() {
    let bench = Bench::new();
    let pieces = Arc::new(AtomicU32::new(0));
    let work = until_told(&pieces);
    bench
        .ctx
        .start(Bench::event(1), async |op: Op| {
            op.blocking("work", work).await
        })
        .unwrap();
    wait_for(|| pieces.load(Ordering::SeqCst) > 0);
    let shared = Arc::downgrade(&bench.ctx.shared);
    bench.ctx.close();
    let last = pieces.load(Ordering::SeqCst);
    std::thread::sleep(100 * MS);
    assert_eq!(last, pieces.load(Ordering::SeqCst));
    assert!(shared.upgrade().is_none());
}

/// An event loop that does nothing, but notes what it is asked to watch; can be made to refuse that.
#[derive(Default)]
struct Loop {
    watched: Mutex<HashMap<RawFd, u64>>,
    refuses: AtomicBool,
}

impl OsEvents for Loop {
    fn fd_register(&self, fd: RawFd, _: i16, ours: u64) -> Result<usize> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(Error::fail("no more descriptors"));
        }
        lock(&self.watched).insert(fd, ours);
        Ok(0)
    }

    fn fd_modify(&self, _: RawFd, _: &mut usize, _: i16) -> Result<()> {
        Ok(())
    }

    fn fd_deregister(&self, fd: RawFd, _: usize) {
        lock(&self.watched).remove(&fd);
    }

    fn timeout_register(&self, _: Duration, _: u64) -> Result<usize> {
        Ok(0)
    }

    fn timeout_modify(&self, _: &mut usize) -> Result<()> {
        Ok(())
    }
}

#[test]
fn the_applications_event_loop_serves_it() {
    let bench = Bench::new();
    let events = Arc::new(Loop::default());
    let hooks = Arc::clone(&events) as Arc<dyn OsEvents>;
    bench.ctx.set_os_events(Some(hooks)).unwrap();
    bench
        .ctx
        .start(Bench::event(1), async |op: Op| {
            op.blocking("work", |_| Ok(())).await
        })
        .unwrap();
    let (fd, ours) = lock(&events.watched)
        .iter()
        .map(|(fd, ours)| (*fd, *ours))
        .next()
        .unwrap();
    let mut fds = [PollFd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    }];
    crate::sys::poll::poll(&mut fds, None).unwrap();
    bench.ctx.occurred_fd(ours).unwrap();
    assert!(bench.ctx.event_check(ALL, |_| true).is_ok());
    assert!(lock(&events.watched).is_empty());
}

#[test]
fn an_event_loop_that_refuses_leaves_nothing() {
    let bench = Bench::new();
    let events = Arc::new(Loop::default());
    events.refuses.store(true, Ordering::SeqCst);
    bench.ctx.set_os_events(Some(events)).unwrap();
    let ran = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&ran);
    let result = bench.ctx.start(Bench::event(1), async |op: Op| {
        let count = move |_: &Work| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        };
        op.blocking("work", count).await
    });
    assert!(result.is_err());
    assert_eq!(ran.load(Ordering::SeqCst), 0);
}

#[test]
fn hypercalls_are_refused_once_aborted() {
    let bench = Bench::new();
    let (told, tell) = mpsc::channel::<()>();
    let (answer, answered) = mpsc::channel();
    bench
        .ctx
        .start(Bench::event(1), async |op: Op| {
            op.blocking("call", move |work| {
                tell.recv().unwrap();
                // Refused before a device is opened, so this needs no Xen.
                let refused = work.xen().pause(5).unwrap_err();
                answer.send(refused.code()).unwrap();
                Ok(())
            })
            .await
        })
        .unwrap();
    bench.ctx.abort(Some((0, 1))).unwrap();
    told.send(()).unwrap();
    assert_eq!(answered.recv().unwrap(), Code::Aborted);
    assert_eq!(complete(&bench), (1, Code::Aborted as i32));
}

#[test]
fn its_lines_are_logged_by_the_applications_threads() {
    use crate::log::{Level, Logger};
    use crate::store::fake::Fake;
    use crate::sys::log::testing::{Lines, logger};
    let lines: Arc<Lines> = Arc::default();
    let c_logger = logger(&lines);
    let store = Fake::default();
    let ctx = Ctx::with_services(
        Logger::new(c_logger),
        crate::xen::Xen::new(None),
        Box::new(move || Ok(store.connect())),
    )
    .unwrap();
    ctx.block_on(async |op: &Op| {
        op.blocking("log", |work| {
            crate::log_line!(work.log(), Level::Debug, 5, "quietly");
            crate::log_line!(work.log(), Level::Error, 5, "loudly");
            Ok(())
        })
        .await
    })
    .unwrap();
    let here: ThreadId = std::thread::current().id();
    let seen = lock(&lines).clone();
    let expected = ["Domain 5:quietly", "Domain 5:loudly"];
    assert_eq!(seen, expected.map(|text| (here, text.to_owned())));
}

#[test]
fn lines_are_logged_by_a_thread_that_ends() {
    use crate::log::{Level, Logger};
    use crate::sys::log::testing::{Lines, logger};
    struct AtExit(Logger);
    impl Drop for AtExit {
        fn drop(&mut self) {
            crate::log_line!(self.0, Level::Error, None, "goodbye");
        }
    }
    thread_local!(static LAST: std::cell::RefCell<Option<AtExit>> = const { std::cell::RefCell::new(None) });
    let lines: Arc<Lines> = Arc::default();
    let log = Logger::new(logger(&lines));
    std::thread::spawn(move || {
        // What a thread keeps last goes last: the library's own place is gone by then.
        LAST.set(Some(AtExit(log.clone())));
        crate::log_line!(log, Level::Error, None, "hello");
    })
    .join()
    .unwrap();
    let texts: Vec<_> = lock(&lines).iter().map(|(_, text)| text.clone()).collect();
    assert_eq!(texts, ["hello", "goodbye"]);
}
