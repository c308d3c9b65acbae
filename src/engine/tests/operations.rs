//! Operations from their start to their end: waits, aborts, undo, failures.

use super::*;

#[test]
fn timers_go_off_in_order() {
    let bench = Bench::new();
    let start = Instant::now();
    let order = Mutex::new(Vec::new());
    bench
        .ctx
        .block_on(async |op: &Op| {
            let wait = async |ms: u32| {
                op.sleep(MS * ms).await?;
                lock(&order).push(ms);
                Ok::<_, Error>(ms)
            };
            let all = op.join(vec![wait(300), wait(100), wait(200)]).await;
            assert_eq!(
                all.into_iter().collect::<Result<Vec<_>>>().unwrap(),
                [300, 100, 200]
            );
            Ok(())
        })
        .unwrap();
    assert_eq!(*lock(&order), [100, 200, 300]);
    assert!(start.elapsed() >= 300 * MS);
}

#[test]
fn timeout_says_what_and_runs_undos() {
    let bench = Bench::new();
    let undone = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&undone);
    let error = bench
        .ctx
        .block_on(async |op: &Op| {
            let slow = op.with_rollback(async |undo: Rollback| {
                undo.push("count", async move |op: Op| {
                    op.sleep(MS).await?;
                    seen.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
                op.sleep(60_000 * MS).await
            });
            let result = op.timeout(5 * MS, "waiting for the moon", slow).await;
            assert_eq!(undone.load(Ordering::SeqCst), 1);
            result
        })
        .unwrap_err();
    assert_eq!(error.code(), Code::Timedout);
    assert!(
        error.to_string().contains("waiting for the moon"),
        "{error}"
    );
}

#[test]
fn undos_run_in_reverse_and_failures_stop_none() {
    let bench = Bench::new();
    let order: Arc<Mutex<Vec<u32>>> = Arc::default();
    let result: Result<()> = bench.ctx.block_on(async |op: &Op| {
        op.with_rollback(async |undo: Rollback| {
            for number in 0..4 {
                let order = Arc::clone(&order);
                undo.push(format!("step {number}"), async move |op: Op| {
                    op.sleep(MS).await?;
                    lock(&order).push(number);
                    if number == 2 {
                        Err(Error::fail("stuck").domain(5))
                    } else {
                        Ok(())
                    }
                });
            }
            op.sleep(MS).await?;
            Err(Error::fail("no memory"))
        })
        .await
    });
    assert_eq!(result.unwrap_err().to_string(), "no memory");
    assert_eq!(*lock(&order), [3, 2, 1, 0]);
    let lines = lock(&bench.lines);
    assert!(
        lines
            .iter()
            .any(|line| line.contains("Domain 5:") && line.contains("step 2")),
        "{lines:?}"
    );
}

#[test]
fn a_domain_asks_once_who_it_is() {
    let bench = Bench::new();
    let asked = || bench.ctx.block_on(async |op: &Op| op.own_domid().await);
    assert_eq!(asked().unwrap(), 0, "a dom0 that was not told");
    for nonsense in ["", "3x", "-1", "32768"] {
        bench.store.set("domid", nonsense);
        assert_eq!(asked().unwrap_err().code(), Code::Fail, "{nonsense:?}");
    }
    bench.store.set("domid", "3");
    assert_eq!(asked().unwrap(), 3);
    bench.store.set("domid", "4");
    assert_eq!(asked().unwrap(), 3);
}

#[test]
fn success_discards_undos() {
    let bench = Bench::new();
    let value = bench.ctx.block_on(async |op: &Op| {
        op.with_rollback(async |undo: Rollback| {
            undo.push("never", async |_: Op| panic!("undone"));
            op.sleep(MS).await?;
            Ok(5)
        })
        .await
    });
    assert_eq!(value.unwrap(), 5);
}

#[test]
fn abort_ends_waits_but_not_undos() {
    let bench = Bench::new();
    let undone = Arc::new(AtomicU32::new(0));
    let seen = Arc::clone(&undone);
    bench
        .ctx
        .start(Bench::event(3), async move |op: Op| {
            op.with_rollback(async |undo: Rollback| {
                undo.push("count", async move |op: Op| {
                    op.sleep(MS).await?;
                    op.store()?.write("/undone", "1").await?;
                    seen.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                });
                op.sleep(60_000 * MS).await
            })
            .await
        })
        .unwrap();
    assert_eq!(
        bench.ctx.abort(Some((0, 99))).unwrap_err().code(),
        Code::Notfound
    );
    assert_eq!(bench.ctx.abort(None).unwrap_err().code(), Code::Notfound);
    bench.ctx.abort(Some((0, 3))).unwrap();
    assert_eq!(
        bench.ctx.abort(Some((0, 3))).unwrap_err().code(),
        Code::Aborted
    );
    assert_eq!(complete(&bench), (3, Code::Aborted as i32));
    assert_eq!(undone.load(Ordering::SeqCst), 1);
    assert!(bench.store.get("/undone").is_some());
    assert_eq!(
        bench.ctx.abort(Some((0, 3))).unwrap_err().code(),
        Code::Notfound
    );
}

#[test]
fn abort_wakes_a_synchronous_operation() {
    let bench = Bench::new();
    let ctx = bench.ctx.clone();
    let other = std::thread::spawn(move || {
        while ctx.abort(None).is_err() {
            std::thread::sleep(MS);
        }
    });
    let result = bench
        .ctx
        .block_on(async |op: &Op| op.sleep(60_000 * MS).await);
    assert_eq!(result.unwrap_err().code(), Code::Aborted);
    other.join().unwrap();
}

#[test]
fn early_failure_is_returned_and_not_announced() {
    let bench = Bench::new();
    let results: Results = Arc::default();
    let start = |key, body: Result<()>| {
        bench
            .ctx
            .start(Bench::how(key, &results), async move |_: Op| body)
    };
    assert_eq!(
        start(1, Err(Error::inval("no"))).unwrap_err().code(),
        Code::Inval
    );
    assert!(lock(&results).is_empty());
    start(2, Ok(())).unwrap();
    assert_eq!(*lock(&results), [(2, 0)]);
    let late = async |op: Op| {
        op.sleep(MS).await?;
        Err(Error::new(Code::Nomem, "none"))
    };
    bench.ctx.start(Bench::how(3, &results), late).unwrap();
    bench
        .ctx
        .block_on(async |op: &Op| op.sleep(20 * MS).await)
        .unwrap();
    assert_eq!(*lock(&results), [(2, 0), (3, -5)]);
}

#[test]
fn panic_is_a_failure() {
    let bench = Bench::new();
    let boom = async |op: Op| {
        op.sleep(MS).await?;
        panic!("boom")
    };
    bench.ctx.start(Bench::event(1), boom).unwrap();
    assert_eq!(complete(&bench), (1, Code::Fail as i32));
    bench
        .ctx
        .block_on(async |op: &Op| op.sleep(MS).await)
        .unwrap();
}

#[test]
fn synchronous_call_inside_an_operation_is_refused() {
    let bench = Bench::new();
    let result = bench.ctx.block_on(async |op: &Op| {
        let ctx = op.ctx().clone();
        ctx.block_on(async |_: &Op| Ok(()))
    });
    assert_eq!(result.unwrap_err().code(), Code::Fail);
}

#[test]
fn close_drops_what_runs() {
    let bench = Bench::new();
    let results: Results = Arc::default();
    let endless = async |op: Op| op.sleep(60_000 * MS).await;
    bench.ctx.start(Bench::how(1, &results), endless).unwrap();
    bench.ctx.start_generator(
        None,
        |ctx| async move { ctx.generator_pause(60_000 * MS).await },
    );
    let shared = Arc::downgrade(&bench.ctx.shared);
    bench.ctx.close();
    assert!(lock(&results).is_empty());
    assert!(
        lock(&bench.lines)
            .iter()
            .any(|line| line.contains("1 operations under way"))
    );
    assert!(shared.upgrade().is_none());
}
