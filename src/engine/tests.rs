//! The engine without Xen.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::testing::Bench;
use super::wake::lock;
use super::*;
use crate::types::{EventOperationComplete, EventU};
use crate::{Code, Error, Result};

const MS: Duration = Duration::from_millis(1);
const ALL: u64 = u64::MAX;

mod blocking;
mod children;
mod events;
mod locks;
mod lost;
mod operations;
mod serving;

type Results = Arc<Mutex<Vec<(u64, i32)>>>;

fn complete(bench: &Bench) -> (u64, i32) {
    let event = bench.ctx.event_wait(1 << 4, |_| true).unwrap();
    match event.u {
        EventU::OperationComplete(EventOperationComplete { rc }) => (event.for_user.0, rc),
        other => panic!("{other:?}"),
    }
}
