//! Who serves a context: one thread, several, or the application; and what it serves, xenstored among it.

use super::*;
use crate::store::fake::Fault;
use crate::types::EvUser;

#[test]
fn store_watch_and_descriptor_waits() {
    let bench = Bench::new();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let store = bench.store.clone();
    let other = std::thread::spawn(move || {
        std::thread::sleep(10 * MS);
        store.set("/local/domain/3/state", "running");
        std::io::Write::write_all(&mut &theirs, b"x").unwrap();
        theirs
    });
    bench
        .ctx
        .block_on(async |op: &Op| {
            let watch = op.watch("/local/domain/3/state").await?;
            let running = async {
                loop {
                    watch.changed().await?;
                    let state = op.store()?.read_str(watch.path()).await?;
                    if state.as_deref() == Some("running") {
                        return Ok::<_, Error>(());
                    }
                }
            };
            op.timeout(5000 * MS, "waiting for the state", running)
                .await?;
            op.readable(&ours).await?;
            op.writable(&ours).await
        })
        .unwrap();
    other.join().unwrap();
    bench
        .ctx
        .block_on(async |op: &Op| op.store()?.read("/").await)
        .unwrap();
    assert_eq!(bench.store.watches(), 0);
}

#[test]
fn many_operations_on_four_threads() {
    let bench = Bench::new();
    let done = Arc::new(AtomicU32::new(0));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (ctx, done) = (bench.ctx.clone(), Arc::clone(&done));
            std::thread::spawn(move || {
                for round in 0..25_u32 {
                    let seen = Arc::clone(&done);
                    let path = format!("/{thread}/{round}");
                    ctx.start(Bench::event(u64::from(round)), async move |op: Op| {
                        op.sleep(MS * (round % 3)).await?;
                        op.store()?.write(&path, "x").await?;
                        op.spawn(Command::new("true"))?.wait().await?;
                        seen.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                    .unwrap();
                    ctx.block_on(async |op: &Op| {
                        let path = format!("/{thread}/sync");
                        op.store()?.write(&path, round.to_string()).await?;
                        let text = op.store()?.read_str(&path).await?;
                        assert_eq!(text.unwrap(), round.to_string());
                        op.sleep(MS).await
                    })
                    .unwrap();
                    ctx.event_wait(1 << 4, |_| true).unwrap();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(done.load(Ordering::SeqCst), 100);
    assert_eq!(
        bench.ctx.event_check(ALL, |_| true).unwrap_err().code(),
        Code::NotReady
    );
    let guard = bench.ctx.shared.lock();
    let core = guard.borrow();
    assert!(core.ops.is_empty() && core.tasks.is_empty() && core.timers.is_empty());
    assert!(core.children.is_empty() && core.followers.is_empty() && core.fds.len() == 1);
}

#[test]
fn silent_xenstored_can_be_timed_out() {
    let bench = Bench::new();
    bench.store.fault(2, Fault::Silence);
    let result = bench.ctx.block_on(async |op: &Op| {
        let store = op.store()?;
        op.timeout(10 * MS, "asking xenstored", store.read("/a"))
            .await
    });
    assert_eq!(result.unwrap_err().code(), Code::Timedout);
}

#[test]
fn before_and_after_poll_drive_everything() {
    let bench = Bench::new();
    let ctx = &bench.ctx;
    ctx.start(Bench::event(1), async |op: Op| {
        op.sleep(5 * MS).await?;
        op.store()?.write("/a", "1").await?;
        op.spawn(Command::new("true"))?.wait().await?;
        Ok(())
    })
    .unwrap();
    let mut rounds = 0;
    let event = loop {
        if let Ok(event) = ctx.event_check(ALL, |_| true) {
            break event;
        }
        let (mut fds, limit) = ctx.before_poll().unwrap();
        crate::sys::poll::poll(&mut fds, limit).unwrap();
        ctx.after_poll(&fds).unwrap();
        rounds += 1;
        assert!(rounds < 100);
    };
    assert_eq!((event.for_user, event.domid), (EvUser(1), 7));
}

#[test]
fn application_poll_is_woken_by_other_threads() {
    let bench = Bench::new();
    let (mut fds, _) = bench.ctx.before_poll().unwrap();
    let ctx = bench.ctx.clone();
    let other = std::thread::spawn(move || {
        std::thread::sleep(10 * MS);
        ctx.start(Bench::event(1), async |op: Op| op.sleep(2000 * MS).await)
            .unwrap();
    });
    assert_eq!(
        crate::sys::poll::poll(&mut fds, Some(5000 * MS)).unwrap(),
        1
    );
    bench.ctx.after_poll(&fds).unwrap();
    let (_, limit) = bench.ctx.before_poll().unwrap();
    assert!(limit.unwrap() <= 2000 * MS);
    other.join().unwrap();
}
