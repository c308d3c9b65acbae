//! Pauses between attempts at what has to go on. There is no last attempt.

use std::time::Duration;

/// The pause after the first failure; each further one is twice as long.
const SHORTEST: Duration = Duration::from_millis(20);
/// A toolstack's command waits 10 s and more for QMP, so that it outlasts this.
const LONGEST: Duration = Duration::from_secs(1);
/// What went well for so long had no trouble with its start.
const SETTLED: Duration = Duration::from_secs(10);

pub(crate) struct Attempts {
    pause: Duration,
    failures: u64,
}

impl Attempts {
    pub(crate) fn new() -> Self {
        Self {
            pause: SHORTEST,
            failures: 0,
        }
    }

    /// After a failure of what went well for the time `lived`: the pause before the next attempt, and how many failures there
    /// were if it is time for a word about it. The toolstack's log has an end, so there are fewer and fewer.
    pub(crate) fn failed(&mut self, lived: Duration) -> (Duration, Option<u64>) {
        if lived >= SETTLED {
            self.pause = SHORTEST;
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        self.failures += 1;
        let word = self.failures.is_power_of_two().then_some(self.failures);
        (pause, word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_always_fails_is_tried_for_ever_at_a_bounded_pace() {
        let mut attempts = Attempts::new();
        let (mut passed, mut words) = (Duration::ZERO, 0);
        for _ in 0..3700 {
            let (pause, word) = attempts.failed(Duration::ZERO);
            assert!((SHORTEST..=LONGEST).contains(&pause));
            passed += pause;
            words += u32::from(word.is_some());
        }
        assert!(passed > Duration::from_secs(3600), "{passed:?}");
        assert_eq!(words, 12);
    }

    #[test]
    fn what_went_well_for_a_while_waits_for_the_shortest_pause() {
        let mut attempts = Attempts::new();
        for _ in 0..10 {
            attempts.failed(Duration::ZERO);
        }
        assert_eq!(attempts.failed(Duration::ZERO).0, LONGEST);
        assert_eq!(attempts.failed(SETTLED).0, SHORTEST);
    }
}
