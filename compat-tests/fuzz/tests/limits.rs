//! The limits on what an input may cost can fail. One test, because time and memory are those of the whole process.

use std::hint::black_box;
use std::time::{Duration, Instant};

use xenlight_fuzz::{Cost, TARGETS, Target};

const LIMIT: Cost = Cost {
    time: Duration::from_millis(50),
    memory: 1 << 20,
};

fn refused(run: fn(&[u8]), input: &[u8]) -> Option<String> {
    let target = Target {
        name: "test",
        run,
        limit: LIMIT,
    };
    target.check(input).err()
}

#[test]
fn what_costs_too_much_is_a_finding() {
    // A little less and a little more: the test's own thread takes some as well.
    let hold = |input: &[u8]| drop(black_box(input.to_vec()));
    assert_eq!(refused(hold, &vec![1; 960 << 10]), None);
    let large = refused(hold, &vec![1; 1 << 20 | 1]).expect("too large");
    assert!(
        large.ends_with("KiB, more than 50 ms and 1024 KiB"),
        "{large}"
    );

    // What is given back in between counts once, what is never written to counts as well.
    let grow = |_: &[u8]| (0..64).for_each(|_| drop(black_box(vec![1_u8; 1 << 19])));
    assert_eq!(refused(grow, b""), None);
    assert!(refused(|_| drop(black_box(Vec::<u8>::with_capacity(2 << 20))), b"").is_some());

    // Waiting is not counted: it depends on the machine. Work in any thread is.
    assert_eq!(
        refused(|_| std::thread::sleep(Duration::from_millis(200)), b""),
        None
    );
    let slow = refused(|_| std::thread::spawn(work).join().expect("no panic"), b"");
    let slow = slow.expect("too slow");
    assert!(slow.contains("more than 50 ms"), "{slow}");

    for target in TARGETS {
        let Cost { time, memory } = target.limit;
        assert!(time <= Duration::from_secs(5), "{}", target.name);
        assert!(memory <= 64 << 20, "{}", target.name);
    }
}

fn work() {
    let (mut sum, began) = (0_u64, Instant::now());
    while began.elapsed() < Duration::from_secs(2) {
        sum = black_box(sum.wrapping_add(1));
    }
}
