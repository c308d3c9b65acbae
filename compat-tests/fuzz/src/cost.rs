//! What an input costs, and what it may.

use std::fmt;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::sys;

/// Time on the processor, which other programs on the machine do not lengthen, and memory beyond what there was, at the
/// peak, in bytes. Both of all threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// On the processor.
    pub time: Duration,
    /// Bytes.
    pub memory: usize,
}

impl Cost {
    /// Says by what it is more than `limit`.
    pub fn within(self, limit: Self) -> Result<Self, String> {
        if self.time > limit.time || self.memory > limit.memory {
            return Err(format!("takes {self}, more than {limit}"));
        }
        Ok(self)
    }

    /// The larger of both in each.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            time: self.time.max(other.time),
            memory: self.memory.max(other.memory),
        }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (time, memory) = (self.time.as_millis(), self.memory.div_ceil(1024));
        write!(f, "{time} ms and {memory} KiB")
    }
}

/// Runs `run` and gives what it cost. No other thread of the process should be busy meanwhile.
pub fn measured<T>(run: impl FnOnce() -> T) -> (T, Cost) {
    sys::forget_peak();
    let (held, began) = (sys::held(), now());
    let value = run();
    let cost = Cost {
        time: now().saturating_sub(began),
        memory: sys::peak().saturating_sub(held),
    };
    (value, cost)
}

fn now() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(now).unwrap_or_default()
}
