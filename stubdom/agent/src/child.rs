//! Child processes: one whose end is watched, and one that is started again for ever.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use crate::error::Result;
use crate::sys;

/// A child, and a descriptor that becomes readable when it ends. Without that the child is looked at now and then.
pub(crate) struct Watched {
    child: Child,
    exit: Option<OwnedFd>,
}

impl Watched {
    pub(crate) fn new(child: Child) -> Self {
        let exit = sys::watch_child(&child).ok();
        Self { child, exit }
    }

    /// How it ended, when it has.
    pub(crate) fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(crate) fn exit(&self) -> Option<BorrowedFd<'_>> {
        self.exit.as_ref().map(AsFd::as_fd)
    }
}

/// What [`Kept`] keeps.
pub(crate) trait Process {
    /// How it ended, in words, when it has.
    fn ended(&mut self) -> Option<String>;
}

impl Process for Watched {
    fn ended(&mut self) -> Option<String> {
        self.status().map(|status| status.to_string())
    }
}

/// The pause before a second start; each further one is twice as long.
const SHORTEST: Duration = Duration::from_millis(20);
/// A toolstack's command waits 10 s and more for QMP, so that it outlasts this.
const LONGEST: Duration = Duration::from_secs(1);
/// A process that lived so long had no trouble with its start.
const SETTLED: Duration = Duration::from_secs(10);

/// A process that is started again whenever it has ended or could not be started. There is no last time: whoever ends it
/// must not end more than it.
pub(crate) struct Kept<P> {
    process: Option<P>,
    /// When it was started; while it does not run, when it may be. In the time of the caller's clock.
    since: Duration,
    pause: Duration,
    ends: u64,
}

impl<P: Process> Kept<P> {
    /// One that is started when it is looked after first.
    pub(crate) fn new() -> Self {
        Self {
            process: None,
            since: Duration::ZERO,
            pause: SHORTEST,
            ends: 0,
        }
    }

    pub(crate) fn process(&self) -> Option<&P> {
        self.process.as_ref()
    }

    /// Sees whether it has ended, and starts it when it is time. Gives words for the log, more and more rarely.
    pub(crate) fn look_after(
        &mut self,
        now: Duration,
        start: impl FnOnce() -> Result<P>,
    ) -> Option<String> {
        if let Some(status) = self.process.as_mut().and_then(P::ended) {
            self.process = None;
            return self.trouble(now, &status);
        }
        if self.process.is_some() || now < self.since {
            return None;
        }
        match start() {
            Ok(process) => {
                self.process = Some(process);
                self.since = now;
                None
            }
            Err(error) => {
                self.since = now;
                self.trouble(now, &error.to_string())
            }
        }
    }

    /// How long from now the next start is due; `None` while it runs.
    pub(crate) fn due_in(&self, now: Duration) -> Option<Duration> {
        match self.process {
            Some(_) => None,
            None => Some(self.since.saturating_sub(now)),
        }
    }

    fn trouble(&mut self, now: Duration, what: &str) -> Option<String> {
        if now.saturating_sub(self.since) >= SETTLED {
            self.pause = SHORTEST;
        }
        self.since = now + self.pause;
        self.pause = (self.pause * 2).min(LONGEST);
        self.ends += 1;
        // The toolstack's log has an end.
        self.ends
            .is_power_of_two()
            .then(|| format!("{what}, time {}; starting it again", self.ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    /// Ends when it is looked at for the given time.
    struct Fake(u32);

    impl Process for Fake {
        fn ended(&mut self) -> Option<String> {
            self.0 -= 1;
            (self.0 == 0).then(|| "exit status: 1".to_owned())
        }
    }

    /// What `seconds` of looks every 10 ms at a process bring: how often it was started, and the words.
    fn starts(seconds: u64, start: impl Fn(u32) -> Result<Fake>) -> (u32, Vec<String>) {
        let mut kept = Kept::new();
        let (mut count, mut words) = (0, Vec::new());
        for step in 0..seconds * 100 {
            let now = Duration::from_millis(step * 10);
            words.extend(kept.look_after(now, || {
                count += 1;
                start(count)
            }));
            assert!(kept.due_in(now).is_none_or(|pause| pause <= LONGEST));
        }
        (count, words)
    }

    #[test]
    fn a_proxy_that_always_ends_is_started_for_ever_at_a_bounded_pace() {
        let (hour, words) = starts(3600, |_| Ok(Fake(1)));
        assert!((3000..=3700).contains(&hour), "{hour} starts in an hour");
        assert!(words.len() <= 12, "{} lines", words.len());
        assert_eq!(words[0], "exit status: 1, time 1; starting it again");
        let (two_hours, _) = starts(7200, |_| Ok(Fake(1)));
        assert!(two_hours > hour + 3000, "it came to an end");
    }

    #[test]
    fn a_start_that_fails_is_tried_again() {
        let (count, words) = starts(100, |count| match count {
            1..=20 => Err(Error::new("no memory")),
            _ => Ok(Fake(u32::MAX)),
        });
        assert_eq!(count, 21);
        assert_eq!(words[0], "no memory, time 1; starting it again");
    }

    #[test]
    fn who_hangs_up_now_and_then_waits_for_the_shortest_pause() {
        let mut kept = Kept::new();
        let mut now = Duration::ZERO;
        for _ in 0..40 {
            kept.look_after(now, || Ok(Fake(1)));
            assert!(kept.due_in(now).is_none());
            now += SETTLED;
            kept.look_after(now, || Ok(Fake(1)));
            assert_eq!(kept.due_in(now), Some(SHORTEST));
            now += SHORTEST;
        }
    }
}
