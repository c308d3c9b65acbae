//! The user that QEMU in dom0 runs as, when it is not root, and the one that ends it.

use std::io;

use crate::sys::passwd::{self, User};
use crate::types::{DeviceModelVersion, DomainConfig};
use crate::{Domid, Error, Result};

/// The first of a range of users, one for each domain's number.
const RANGE_BASE: &str = "xen-qemuuser-range-base";
/// One user for all QEMUs.
const SHARED: &str = "xen-qemuuser-shared";
/// A user that QEMU's users cannot signal.
const REAPER: &str = "xen-qemuuser-reaper";

/// A user for QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunAs {
    /// What `-runas` gets: a name, or `uid:gid`.
    pub(super) name: String,
    /// All processes of this user are the guest's and end with it; `None` when other guests share it.
    pub(super) kill_uid: Option<u32>,
}

/// Who the users of the host are; a table in tests.
pub(crate) struct Users<'a> {
    pub(crate) by_name: &'a dyn Fn(&str) -> io::Result<Option<User>>,
    pub(crate) by_uid: &'a dyn Fn(u32) -> io::Result<Option<User>>,
}

/// A user of the host for programs that work on what a guest made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confined {
    /// The domain's own: all its processes belong to this domain.
    Own(User),
    /// One for all domains.
    Shared(User),
}

/// The host's own users.
pub(crate) const HOST: Users<'static> = Users {
    by_name: &passwd::by_name,
    by_uid: &passwd::by_uid,
};

/// The user for the QEMU of domain `domid`: the configuration's; for a restricted QEMU, the domain's own or the shared one;
/// otherwise root, which is `None`.
pub(super) fn of(users: &Users<'_>, domid: Domid, config: &DomainConfig) -> Result<Option<RunAs>> {
    let build = &config.b_info;
    if build.device_model_version != DeviceModelVersion::QemuXen {
        return Ok(None);
    }
    if let Some(name) = &build.device_model_user {
        let user = named(users, name)?;
        let user = user
            .ok_or_else(|| Error::inval(format!("there is no user {name} (device_model_user)")))?;
        return run_as(name.clone(), user.uid, true).map(Some);
    }
    if !super::args::is(build.dm_restrict) {
        return Ok(None);
    }
    match confined(users, domid)? {
        Some(Confined::Own(user)) => {
            run_as(format!("{}:{}", user.uid, user.gid), user.uid, true).map(Some)
        }
        Some(Confined::Shared(user)) => run_as(SHARED.into(), user.uid, false).map(Some),
        None => Err(no_user().hint("dm_restrict=1 needs one of them")),
    }
}

/// The host's user for confined programs of domain `domid`; nothing where it has none.
pub(crate) fn confined(users: &Users<'_>, domid: Domid) -> Result<Option<Confined>> {
    let Some(base) = named(users, RANGE_BASE)? else {
        return Ok(named(users, SHARED)?.map(Confined::Shared));
    };
    let uid = base.uid.checked_add(domid).ok_or_else(|| {
        Error::inval(format!(
            "{RANGE_BASE} is too large a number for domain {domid}"
        ))
    })?;
    let clash = (users.by_uid)(uid).map_err(|error| failed(&uid.to_string(), &error))?;
    if clash.is_some() {
        let what = format!("user {uid} ({RANGE_BASE} and {domid}) is somebody already");
        return Err(Error::inval(what).hint("move the range of QEMU's users"));
    }
    Ok(Some(Confined::Own(User { uid, gid: base.gid })))
}

/// That the host has no user for confined programs.
pub(crate) fn no_user() -> Error {
    Error::inval(format!("there is neither a user {RANGE_BASE} nor {SHARED}"))
}

/// A user for a process that serves `domid` and needs no privileges; `None` when the host has none for such.
pub(super) fn unprivileged(users: &Users<'_>, domid: Domid) -> Result<Option<User>> {
    if let Some(base) = named(users, RANGE_BASE)? {
        let uid = base.uid.checked_add(domid);
        return Ok(uid.map(|uid| User { uid, gid: base.gid }));
    }
    Ok(named(users, SHARED)?.filter(|user| user.uid != 0 && user.gid != 0))
}

/// The user as which a domain's processes are killed; `None` when the host has none.
pub(super) fn reaper(users: &Users<'_>) -> Result<Option<u32>> {
    for name in [REAPER, RANGE_BASE] {
        if let Some(user) = named(users, name)? {
            return match user.uid {
                0 => Err(Error::inval(format!("user {name} is root"))),
                uid => Ok(Some(uid)),
            };
        }
    }
    Ok(None)
}

/// The user of that name.
pub(crate) fn named(users: &Users<'_>, name: &str) -> Result<Option<User>> {
    (users.by_name)(name).map_err(|error| failed(name, &error))
}

fn failed(name: &str, error: &io::Error) -> Error {
    Error::io(format_args!("cannot look up user {name}"), error)
}

fn run_as(name: String, uid: u32, own: bool) -> Result<RunAs> {
    if uid == 0 {
        return Err(Error::inval(format!("user {name} is root"))
            .hint("leave device_model_user out to run QEMU as root"));
    }
    Ok(RunAs {
        name,
        kill_uid: own.then_some(uid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(user: Option<&str>, restrict: bool) -> DomainConfig {
        let mut config = DomainConfig::default();
        config.b_info.device_model_version = DeviceModelVersion::QemuXen;
        config.b_info.device_model_user = user.map(str::to_owned);
        config.b_info.dm_restrict = Some(restrict);
        config
    }

    fn choose(table: &[(&str, u32)], config: &DomainConfig) -> Result<Option<RunAs>> {
        let by_name = |name: &str| {
            let found = table.iter().find(|(known, _)| *known == name);
            Ok(found.map(|(_, uid)| User { uid: *uid, gid: 9 }))
        };
        let by_uid = |uid| {
            let found = table.iter().find(|(_, known)| *known == uid);
            Ok(found.map(|(_, uid)| User { uid: *uid, gid: 9 }))
        };
        let users = Users {
            by_name: &by_name,
            by_uid: &by_uid,
        };
        of(&users, 5, config)
    }

    fn chosen(name: &str, kill_uid: Option<u32>) -> Option<RunAs> {
        let name = name.to_owned();
        Some(RunAs { name, kill_uid })
    }

    #[test]
    fn the_configured_user_goes_first() {
        let table = [("q", 7), (RANGE_BASE, 1000)];
        let found = choose(&table, &config(Some("q"), true)).unwrap();
        assert_eq!(found, chosen("q", Some(7)));
        assert!(choose(&table, &config(Some("nobody"), false)).is_err());
        assert!(choose(&[("r", 0)], &config(Some("r"), false)).is_err());
    }

    #[test]
    fn only_a_restricted_qemu_leaves_root() {
        let table = [(RANGE_BASE, 1000), (SHARED, 500)];
        assert_eq!(choose(&table, &config(None, false)).unwrap(), None);
        let found = choose(&table, &config(None, true)).unwrap();
        assert_eq!(found, chosen("1005:9", Some(1005)));
        let found = choose(&table[1..], &config(None, true)).unwrap();
        assert_eq!(found, chosen(SHARED, None));
        assert!(choose(&[], &config(None, true)).is_err());
    }

    #[test]
    fn a_user_of_the_range_must_be_nobody() {
        let table = [(RANGE_BASE, 1000), ("alice", 1005)];
        assert!(choose(&table, &config(None, true)).is_err());
    }
}
