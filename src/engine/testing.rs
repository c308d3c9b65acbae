//! A context for tests: a xenstored in a thread, log lines in a vector.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::wake::lock;
use super::{Ctx, How, Notify};
use crate::log::{Level, Logger, Sink};
use crate::store::fake::Fake;
use crate::xen::Xen;

/// A bound for what takes a moment.
const SOON: Duration = Duration::from_secs(20);

/// Waits for what happens in a moment.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < SOON, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// What a test context is made of.
pub(crate) struct Bench {
    pub(crate) ctx: Ctx,
    pub(crate) store: Fake,
    pub(crate) lines: Arc<Mutex<Vec<String>>>,
}

struct Lines(Arc<Mutex<Vec<String>>>);

impl Sink for Lines {
    fn line(&self, _: Level, _: Option<i32>, text: &str) {
        lock(&self.0).push(text.to_owned());
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let store = Fake::default();
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let daemon = store.clone();
        let ctx = Ctx::with_services(
            Logger::new(Lines(Arc::clone(&lines))),
            Xen::new(None),
            Box::new(move || Ok(daemon.connect())),
        )
        .expect("a context");
        Self { ctx, store, lines }
    }

    /// How many processes are looked after.
    pub(crate) fn children(&self) -> usize {
        self.ctx.shared.lock().borrow().children.len()
    }

    /// A `How` that puts the result into a list.
    pub(crate) fn how(key: u64, results: &Arc<Mutex<Vec<(u64, i32)>>>) -> Option<How> {
        let results = Arc::clone(results);
        Some(How {
            notify: Notify::Callback(Box::new(move |rc| lock(&results).push((key, rc)))),
            key: (1, key),
            domid: 0,
        })
    }

    /// A `How` that sends an event.
    pub(crate) fn event(for_user: u64) -> Option<How> {
        Some(How {
            notify: Notify::Event(for_user),
            key: (0, for_user),
            domid: 7,
        })
    }
}
