//! The QEMU machine protocol: one locked connection per conversation, typed commands, bounded answers.

pub mod message;

use serde_json::Value;

/// QEMU's version as its greeting says it; 0 where it says nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The 7 of 7.2.15.
    pub major: u32,
    /// The 2 of 7.2.15.
    pub minor: u32,
    /// The 15 of 7.2.15.
    pub micro: u32,
}

impl Version {
    fn of_greeting(greeting: &Value) -> Self {
        let qemu = &greeting["version"]["qemu"];
        let part = |name: &str| {
            let number = qemu[name].as_u64().unwrap_or(0);
            u32::try_from(number).unwrap_or(0)
        };
        Self {
            major: part("major"),
            minor: part("minor"),
            micro: part("micro"),
        }
    }
}
