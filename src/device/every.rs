//! All kinds of devices that a domain's configuration lists, without their types: what a new domain gets, what is stored, and
//! what is left of that later.

use super::add::{add_each, complete_each, place_each};
use super::guest::Guest;
use super::kind::{Device, DeviceKind};
use super::kinds::for_each_kind;
use super::traits::{Devices, Listed, Step};
use crate::engine::Op;
use crate::log::Level;
use crate::types::DomainConfig;
use crate::{Boxed, Domid, Result, log_line};

/// A kind without its type; see [`Listed`].
pub struct AnyKind {
    /// Under which kind its devices are recorded.
    pub kind: DeviceKind,
    step: Step,
    followed: Option<Followed>,
    named_to_qemu: bool,
    devices: fn(&mut DomainConfig) -> Devices<'_>,
    number: fn(&mut DomainConfig),
    adopt: fn(&mut DomainConfig, &DomainConfig),
    needs_qemu: fn(&DomainConfig, Domid) -> bool,
}

/// A kind whose list in the stored configuration follows what is added and removed.
struct Followed {
    word: &'static str,
    /// Gives how many devices are gone.
    refresh: for<'a> fn(&'a Op, Domid, &'a mut DomainConfig) -> Boxed<'a, Result<usize>>,
}

impl AnyKind {
    const fn of<K: Listed>() -> Self {
        Self {
            kind: K::KIND,
            step: K::STEP,
            followed: match K::FOLLOWED {
                Some(word) => Some(Followed {
                    word,
                    refresh: |op, domid, config| Box::pin(refresh_list::<K>(op, domid, config)),
                }),
                None => None,
            },
            named_to_qemu: K::NAMED_TO_QEMU,
            devices: K::devices,
            number: |config| K::number(K::list_mut(config)),
            adopt: |saved, used| {
                for (saved, used) in K::list_mut(saved).iter_mut().zip(K::list(used)) {
                    saved.adopt(used);
                }
            },
            needs_qemu: |config, me| K::list(config).iter().any(|device| device.needs_qemu(me)),
        }
    }

    /// Adds the devices of a new domain.
    pub async fn add(&self, op: &Op, guest: &Guest, config: &mut DomainConfig) -> Result<()> {
        add_each(op, guest, (self.devices)(config)).await
    }
}

async fn refresh_list<K: Listed>(
    op: &Op,
    domid: Domid,
    config: &mut DomainConfig,
) -> Result<usize> {
    let devices = K::list_mut(config);
    let before = devices.len();
    K::refresh(op, domid, devices).await?;
    Ok(before - devices.len())
}

macro_rules! table {
    ($($(#[$doc:meta])* $kind:ident $name:literal $served:ident $(($listed:ident))?;)+) => {
        /// The kinds, in the order of the list.
        static KINDS: &[AnyKind] = &[$($(AnyKind::of::<crate::types::$listed>(),)?)+];
    };
}

for_each_kind!(table);

/// The kinds whose devices a new domain gets in `step`.
pub fn at(step: Step) -> impl Iterator<Item = &'static AnyKind> {
    KINDS.iter().filter(move |kind| kind.step == step)
}

/// Completes the devices of a new domain that QEMU's command line names, numbers included.
pub async fn complete_named(op: &Op, guest: &Guest, config: &mut DomainConfig) -> Result<()> {
    for kind in KINDS.iter().filter(|kind| kind.named_to_qemu) {
        complete_each(op, guest, (kind.devices)(config)).await?;
        (kind.number)(config);
    }
    Ok(())
}

/// Writes the nodes of the devices that a new domain gets in `step`.
pub async fn place(
    op: &Op,
    guest: &Guest,
    config: &mut DomainConfig,
    step: Step,
) -> Result<Vec<Device>> {
    let mut placed = Vec::new();
    for kind in at(step) {
        placed.extend(place_each(op, guest, (kind.devices)(config)).await?);
    }
    Ok(placed)
}

/// Takes over into a new domain's configuration, as its caller gave it, what only adding could decide.
pub fn adopt(saved: &mut DomainConfig, used: &DomainConfig) {
    for kind in KINDS {
        (kind.adopt)(saved, used);
    }
}

/// Drops the devices that are gone from the stored configuration, and takes over what can change in those that are left.
pub async fn refresh(op: &Op, domid: Domid, config: &mut DomainConfig) -> Result<()> {
    for kind in KINDS.iter().filter_map(|kind| kind.followed.as_ref()) {
        let gone = (kind.refresh)(op, domid, config).await?;
        if gone > 0 {
            let what = kind.word;
            log_line!(
                op.log(),
                Level::Warn,
                domid,
                "{gone} {what} devices in the stored configuration are gone, leaving them out"
            );
        }
    }
    Ok(())
}

/// Whether it takes a QEMU in this domain to serve a device of a PV or PVH guest.
pub fn need_qemu(config: &DomainConfig, me: Domid) -> bool {
    KINDS.iter().any(|kind| (kind.needs_qemu)(config, me))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{NOT_BUILT, NotBuilt};
    use crate::release;
    use crate::types;

    /// Lists of a configuration that hold no devices.
    const NO_DEVICES: [&str; 1] = ["rdms"];

    /// The lists of a domain's configuration, and whether all releases have them.
    fn lists() -> Vec<(&'static str, bool)> {
        let description = include_str!("../../idl/libxl.idl");
        let (_, members) = description
            .split_once("\nstruct domain_config in {\n")
            .unwrap();
        let (members, _) = members.split_once("\n}").unwrap();
        let lists = members.lines().filter(|line| line.contains('['));
        lists
            .map(|line| {
                let name = line.split_whitespace().next().unwrap();
                (name, !line.contains("since"))
            })
            .filter(|(name, _)| !NO_DEVICES.contains(name))
            .collect()
    }

    #[test]
    fn each_list_of_a_configuration_has_a_kind_or_is_refused() {
        let lists = lists();
        assert!(lists.len() > KINDS.len(), "{lists:?}");
        let (mut known, mut absent) = (0, 0);
        for (name, everywhere) in lists {
            let text = format!("{{\"{name}\": [{{}}]}}");
            let mut config: DomainConfig = types::from_json_str(&text).unwrap();
            let kinds = KINDS
                .iter()
                .filter(|kind| !(kind.devices)(&mut config).is_empty());
            let kinds = kinds.count();
            let asks = |list: &&NotBuilt| (list.count)(&config) != 0;
            let refused = NOT_BUILT.iter().filter(asks).count();
            let here = everywhere || kinds + refused > 0;
            assert!(!here || kinds + refused == 1, "{name}: {kinds} {refused}");
            known += kinds;
            absent += usize::from(!here);
        }
        // A list that this release lacks may have a kind all the same.
        assert!(known <= KINDS.len() && known + absent >= KINDS.len());
    }

    /// Kinds that came later may stand between these.
    #[test]
    fn the_order_of_a_creation() {
        let names = |kinds: &mut dyn Iterator<Item = &'static AnyKind>| {
            let names = kinds.map(|kind| kind.kind.name());
            let known = |name: &&str| {
                [
                    "vbd", "vif", "vtpm", "vdispl", "vsnd", "console", "9pfs", "pvcalls", "vfb",
                    "vkbd",
                ]
                .contains(name)
            };
            names.filter(known).collect::<Vec<_>>()
        };
        let (mut announced, mut last) = (vec!["console", "pvcalls"], vec!["vfb"]);
        let mut added = vec!["vif", "vtpm", "vdispl", "vsnd"];
        match release::SHARED_DIRECTORIES_HAVE_A_SERVER {
            true => added.push("9pfs"),
            false => announced.insert(1, "9pfs"),
        }
        match release::HVM_KEYBOARDS {
            true => announced.push("vkbd"),
            false => last.push("vkbd"),
        }
        assert_eq!(names(&mut at(Step::Opened)), ["vbd"]);
        assert_eq!(names(&mut at(Step::Announced)), announced);
        assert_eq!(names(&mut at(Step::AnnouncedLast)), last);
        assert_eq!(names(&mut at(Step::Added)), added);
        let mut named = KINDS.iter().filter(|kind| kind.named_to_qemu);
        assert_eq!(names(&mut named), ["vbd", "vif"]);
        let mut followed = KINDS.iter().filter(|kind| kind.followed.is_some());
        let expected = ["vbd", "vif", "vtpm", "vdispl", "vsnd"];
        assert_eq!(names(&mut followed), expected);
    }
}
