//! What must not get lost: wakeups and undos.

use super::*;

/// How often the two sides of a race meet.
const ROUNDS: u64 = 20_000;

#[test]
fn an_abort_is_seen_by_a_thread_that_goes_to_sleep() {
    let bench = Bench::new();
    let next: Mutex<Option<Op>> = Mutex::default();
    // Both spin, and the abort comes a little later each time, so that it meets every moment before the sleep.
    let abort_each = || {
        for round in 0..ROUNDS {
            let op = loop {
                match lock(&next).take() {
                    Some(op) => break op,
                    None => std::hint::spin_loop(),
                }
            };
            (0..round % 2000).for_each(|_| std::hint::spin_loop());
            op.life().abort();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(abort_each);
        for round in 0..ROUNDS {
            let start = Instant::now();
            let result = bench.ctx.block_on(async |op: &Op| {
                *lock(&next) = Some(op.clone());
                op.sleep(20_000 * MS).await
            });
            assert_eq!(result.unwrap_err().code(), Code::Aborted);
            // Lost, it would be seen when the timer goes off.
            assert!(start.elapsed() < 15_000 * MS, "round {round}");
        }
    });
}

#[test]
fn a_panic_in_an_operation_runs_its_undos() {
    let bench = Bench::new();
    let undone: Arc<Mutex<Vec<u32>>> = Arc::default();
    let body = async |op: &Op, undone: Arc<Mutex<Vec<u32>>>| {
        op.with_rollback(async |undo: Rollback| {
            for number in 0..3 {
                let undone = Arc::clone(&undone);
                undo.push(format!("step {number}"), async move |_: Op| {
                    lock(&undone).push(number);
                    // One that panics as well does not keep the others from running.
                    assert_ne!(number, 1, "on purpose");
                    Ok(())
                });
            }
            op.sleep(MS).await?;
            let pages = vec![0_u8; usize::MAX - number_of_pages(op)];
            Ok(pages.len())
        })
        .await
        .map(drop)
    };
    let result = bench
        .ctx
        .block_on(async |op: &Op| body(op, Arc::clone(&undone)).await);
    assert_eq!(result.unwrap_err().code(), Code::Fail);
    let later = Arc::clone(&undone);
    bench
        .ctx
        .start(Bench::event(1), async move |op: Op| body(&op, later).await)
        .unwrap();
    assert_eq!(complete(&bench), (1, Code::Fail as i32));
    assert_eq!(*lock(&undone), [2, 1, 0, 2, 1, 0]);
}

/// Nothing the compiler can know.
fn number_of_pages(op: &Op) -> usize {
    usize::from(op.check().is_err())
}

/// poll(2) fails where it is given more descriptors than the process may have; the limit is the whole process's, so this
/// runs in a process of its own.
#[test]
fn a_leader_that_fails_wakes_another() {
    const ALONE: &str = "XENLIGHT_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let test = "engine::tests::lost::a_leader_that_fails_wakes_another";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args([test, "--exact"])
            .env(ALONE, "1")
            .status()
            .unwrap();
        assert!(status.success());
        return;
    }
    let bench = Bench::new();
    let ctx = &bench.ctx;
    let (read, _write) = rustix::pipe::pipe().unwrap();
    // The thread that comes first sleeps in poll(2) for both, on two descriptors and the eventfd.
    let wait = || {
        ctx.block_on(async |op: &Op| {
            let both = op.join(vec![op.readable(&read), op.readable(&read)]).await;
            both.into_iter().collect::<Result<Vec<_>>>()
        })
    };
    std::thread::scope(|scope| {
        let leader = scope.spawn(wait);
        while !ctx.shared.lock().borrow().leader {
            std::thread::yield_now();
        }
        let follower = scope.spawn(wait);
        while ctx.shared.lock().borrow().followers.is_empty() {
            std::thread::yield_now();
        }
        let files = rustix::process::Resource::Nofile;
        let tight = rustix::process::Rlimit {
            current: Some(1),
            ..rustix::process::getrlimit(files)
        };
        rustix::process::setrlimit(files, tight).unwrap();
        ctx.shared.wakeups.kick();
        // Each finds in its turn that it cannot poll; without being told the second one would sleep for ever.
        assert!(leader.join().unwrap().is_err());
        assert!(follower.join().unwrap().is_err());
    });
}
