//! Whether the bootloader works as a user without rights, and which one.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::Duration;

use super::args;
use super::files::Reach;
use crate::dm::user::{self, Confined, Users};
use crate::sys::passwd::User;
use crate::types::DomainBuildInfo;
use crate::{Domid, Error, Result};

/// A confined bootloader has so long.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// What the environment says, as far as it matters here.
#[derive(Debug, Default)]
pub(super) struct Environment {
    /// `LIBXL_BOOTLOADER_TIMEOUT`: seconds, 0 for no limit.
    pub(super) timeout: Option<String>,
    /// `XENLIGHT_BOOTLOADER_RESTRICT`: "0" where no bootloader is to be confined that nobody asks to be.
    pub(super) by_default: Option<String>,
}

impl Environment {
    /// The process's own.
    pub(super) fn of_process() -> Self {
        let read = |name| std::env::var(name).ok();
        Self {
            timeout: read("LIBXL_BOOTLOADER_TIMEOUT"),
            by_default: read("XENLIGHT_BOOTLOADER_RESTRICT"),
        }
    }
}

/// How a bootloader runs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// The user that it is told to become.
    pub(super) run_as: Option<u32>,
    /// All processes of this user are this domain's, and end with the bootloader.
    pub(super) own_user: Option<u32>,
    /// How long it may take.
    pub(super) time_limit: Option<Duration>,
    /// Which files it may name.
    pub(super) reach: Reach,
    /// Limits of the process (`RLIMIT_*`).
    pub(super) limits: Vec<(u32, u64)>,
    /// Why it is not confined although the host could do that.
    pub(super) warning: Option<String>,
}

/// How the bootloader `program` of domain `domid` runs on this disk.
///
/// Confined where the configuration or the environment says so (the defaults have brought the two together); where nobody says
/// anything, and the host has a user for that, pygrub is as well, if that user can read the disk.
pub(super) fn terms(
    users: &Users<'_>,
    environment: &Environment,
    domid: Domid,
    info: &DomainBuildInfo,
    program: &str,
    disk: Option<&Metadata>,
) -> Result<Terms> {
    let pygrub = args::is_pygrub(program);
    let mut warning = None;
    let user = match info.bootloader_restrict {
        Some(true) => Some(asked_for(users, domid, info)?),
        None if pygrub && environment.by_default.as_deref() != Some("0") => {
            let user = user::confined(users, domid).map_err(|error| {
                error.hint("XENLIGHT_BOOTLOADER_RESTRICT=0 runs pygrub as root")
            })?;
            let (can, cannot): (Option<Confined>, _) = match user {
                Some(user) if readable(number(user), disk) => (Some(user), None),
                other => (None, other),
            };
            warning = cannot.map(|user| {
                format!(
                    "pygrub runs as root: the disk cannot be read by user {}",
                    number(user).uid
                )
            });
            can
        }
        _ => None,
    };
    let Some(user) = user else {
        return Ok(Terms {
            run_as: None,
            own_user: None,
            time_limit: None,
            // Others may keep their files where they like, and are root.
            reach: if pygrub {
                Reach::Directory
            } else {
                Reach::Host
            },
            limits: if pygrub { limits() } else { Vec::new() },
            warning,
        });
    };
    let uid = number(user).uid;
    if uid == 0 {
        return Err(Error::inval("the bootloader's user is root")
            .hint("name another one, or do not restrict the bootloader"));
    }
    Ok(Terms {
        run_as: Some(uid),
        own_user: matches!(user, Confined::Own(_)).then_some(uid),
        time_limit: time_limit(environment.timeout.as_deref())?,
        reach: Reach::Directory,
        limits: limits(),
        warning,
    })
}

fn number(user: Confined) -> User {
    match user {
        Confined::Own(user) | Confined::Shared(user) => user,
    }
}

fn asked_for(users: &Users<'_>, domid: Domid, info: &DomainBuildInfo) -> Result<Confined> {
    if let Some(name) = &info.bootloader_user {
        let user = user::named(users, name)?;
        let missing = || Error::inval(format!("there is no user {name} for the bootloader"));
        return user.map(Confined::Shared).ok_or_else(missing);
    }
    let user = user::confined(users, domid)?;
    user.ok_or_else(|| user::no_user().hint("a restricted bootloader needs one of them"))
}

/// Whether a user can read the disk, of which it gets nothing but the number; pygrub takes no groups along.
fn readable(user: User, disk: Option<&Metadata>) -> bool {
    disk.is_some_and(|disk| {
        let kind = disk.file_type();
        let bits = if disk.uid() == user.uid { 0o400 } else { 0o004 };
        (kind.is_file() || kind.is_block_device()) && disk.mode() & bits != 0
    })
}

/// What a program gets that writes what a guest's disk holds: files as large as a kernel may be, and no core.
fn limits() -> Vec<(u32, u64)> {
    vec![
        (libc::RLIMIT_FSIZE, crate::domain::build::MAX_BOOT_FILE),
        (libc::RLIMIT_CORE, 0),
    ]
}

fn time_limit(timeout: Option<&str>) -> Result<Option<Duration>> {
    let Some(text) = timeout else {
        return Ok(Some(TIME_LIMIT));
    };
    let seconds: u32 = text.trim().parse().map_err(|_| {
        Error::inval(format!(
            "LIBXL_BOOTLOADER_TIMEOUT={text:?} is no number of seconds"
        ))
    })?;
    Ok((seconds != 0).then(|| Duration::from_secs(seconds.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYGRUB: &str = "/somewhere/bin/pygrub";
    const BASE: (&str, u32) = ("xen-qemuuser-range-base", 1000);
    const SHARED: (&str, u32) = ("xen-qemuuser-shared", 500);

    /// The terms of domain 5 on a host with these users.
    fn on(table: &[(&str, u32)], edit: impl FnOnce(&mut Case)) -> Result<Terms> {
        let user = |uid| User { uid, gid: 9 };
        let by_name = |name: &str| {
            let found = table.iter().find(|(known, _)| *known == name);
            Ok(found.map(|(_, uid)| user(*uid)))
        };
        let by_uid = |uid| {
            let found = table.iter().find(|(_, known)| *known == uid);
            Ok(found.map(|(_, uid)| user(*uid)))
        };
        let users = Users {
            by_name: &by_name,
            by_uid: &by_uid,
        };
        let mut case = Case {
            environment: Environment::default(),
            info: DomainBuildInfo::default(),
            program: PYGRUB,
            mode: 0o644,
        };
        edit(&mut case);
        let disk = tempfile::NamedTempFile::new().unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(case.mode);
        disk.as_file().set_permissions(mode).unwrap();
        let disk = disk.as_file().metadata().unwrap();
        terms(
            &users,
            &case.environment,
            5,
            &case.info,
            case.program,
            Some(&disk),
        )
    }

    struct Case {
        environment: Environment,
        info: DomainBuildInfo,
        program: &'static str,
        mode: u32,
    }

    fn who(terms: Result<Terms>) -> (Option<u32>, Option<u32>) {
        let terms = terms.unwrap();
        (terms.run_as, terms.own_user)
    }

    #[test]
    fn pygrub_is_confined_where_the_host_has_a_user() {
        assert_eq!(who(on(&[BASE, SHARED], |_| {})), (Some(1005), Some(1005)));
        assert_eq!(who(on(&[SHARED], |_| {})), (Some(500), None));
        assert_eq!(who(on(&[], |_| {})), (None, None));
        let terms = on(&[BASE], |_| {}).unwrap();
        assert_eq!(terms.time_limit, Some(TIME_LIMIT));
        assert_eq!((terms.reach, terms.warning), (Reach::Directory, None));
        assert_eq!(terms.limits, limits());
        // The user of its number must be nobody.
        assert!(on(&[BASE, ("alice", 1005)], |_| {}).is_err());
    }

    #[test]
    fn pygrub_as_root_is_kept_to_its_directory_all_the_same() {
        let off = |case: &mut Case| case.environment.by_default = Some("0".into());
        let said = |case: &mut Case| case.info.bootloader_restrict = Some(false);
        for terms in [on(&[BASE], off), on(&[BASE], said), on(&[], |_| {})] {
            let terms = terms.unwrap();
            assert_eq!((terms.run_as, terms.time_limit), (None, None));
            assert_eq!((terms.reach, terms.limits), (Reach::Directory, limits()));
            assert_eq!(terms.warning, None);
        }
    }

    #[test]
    fn a_disk_that_the_user_cannot_read_is_read_as_root_unless_somebody_asks() {
        let terms = on(&[BASE], |case| case.mode = 0o640).unwrap();
        assert_eq!(terms.run_as, None);
        assert!(terms.warning.unwrap().contains("user 1005"));
        let terms = on(&[BASE], |case| {
            case.mode = 0o640;
            case.info.bootloader_restrict = Some(true);
        });
        assert_eq!(terms.unwrap().run_as, Some(1005));
    }

    #[test]
    fn other_bootloaders_are_confined_when_somebody_asks() {
        let terms = on(&[BASE], |case| case.program = "/opt/loader").unwrap();
        assert_eq!((terms.run_as, terms.reach), (None, Reach::Host));
        assert_eq!(terms.limits, []);
        let terms = on(&[BASE], |case| {
            case.program = "/opt/loader";
            case.info.bootloader_restrict = Some(true);
        });
        let terms = terms.unwrap();
        assert_eq!((terms.run_as, terms.reach), (Some(1005), Reach::Directory));
    }

    #[test]
    fn who_is_asked_for_must_be_there_and_not_root() {
        let named = |name: &'static str| {
            move |case: &mut Case| {
                case.info.bootloader_restrict = Some(true);
                case.info.bootloader_user = Some(name.into());
            }
        };
        let table = [BASE, ("loader", 77), ("toor", 0)];
        // Other processes may have a user that the configuration names.
        assert_eq!(who(on(&table, named("loader"))), (Some(77), None));
        for terms in [
            on(&table, named("nobody")),
            on(&table, named("toor")),
            on(&[], |case| case.info.bootloader_restrict = Some(true)),
            on(&[("xen-qemuuser-shared", 0)], |case| {
                case.info.bootloader_restrict = Some(true);
            }),
        ] {
            assert_eq!(terms.unwrap_err().code(), crate::Code::Inval);
        }
    }

    #[test]
    fn the_time_limit_is_a_number_of_seconds() {
        assert_eq!(time_limit(None).unwrap(), Some(TIME_LIMIT));
        assert_eq!(time_limit(Some("7")).unwrap(), Some(Duration::from_secs(7)));
        assert_eq!(time_limit(Some("0")).unwrap(), None);
        for text in ["", "soon", "-1", "1.5", "4294967296"] {
            assert!(time_limit(Some(text)).is_err(), "{text}");
        }
    }
}
