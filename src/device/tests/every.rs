//! Each kind of the one list: what it writes is read back, and the stored configuration knows its devices again.

use super::guest_of;
use super::lifecycle::run;
use super::sample::{SERVER, Sample};
use crate::device::kinds::for_each_kind;
use crate::device::{Listed, Step, every, info, list};
use crate::engine::testing::Bench;
use crate::types::{DomainConfig, DomainType};

const GUEST: u32 = 7;

/// A configuration that asks for one device.
fn configuration<K: Listed>(device: K) -> DomainConfig {
    let mut config = DomainConfig::default();
    config.c_info.type_ = DomainType::Pv;
    K::list_mut(&mut config).push(device);
    config
}

fn check<K: Sample>() {
    let bench = Bench::new();
    let guest = guest_of(GUEST, DomainType::Pv);
    let given = configuration(K::sample());
    let mut used = given.clone();
    let placed = run(&bench, async |op| {
        every::complete_named(op, &guest, &mut used).await?;
        let mut placed = Vec::new();
        for step in [
            Step::Opened,
            Step::Announced,
            Step::AnnouncedLast,
            Step::Added,
        ] {
            placed.extend(every::place(op, &guest, &mut used, step).await?);
        }
        Ok(placed)
    });
    let placed = placed.unwrap();
    assert_eq!(placed.len(), 1, "{} is not in the list", K::NAME);
    assert_eq!((placed[0].kind, placed[0].backend_domid), (K::KIND, SERVER));
    let device = K::list(&used)[0].clone();

    // The record, and how the device stands.
    let found = run(&bench, async |op| list::all::<K>(op, GUEST).await);
    assert_eq!(found.unwrap(), [device.clone().recorded()]);
    let stands = run(&bench, async |op| info::of(op, GUEST, &device).await);
    assert!(stands.is_ok());

    // The stored configuration.
    let mut saved = given.clone();
    every::adopt(&mut saved, &used);
    let known = K::list(&saved)[0].clone();
    let mut other = known.clone();
    other.spoil();
    assert!(!other.is_same(&device));
    if K::FOLLOWED.is_none() {
        assert_eq!(known, K::sample(), "stays as it was given");
        return;
    }
    assert!(known.is_same(&device));
    K::list_mut(&mut saved).push(other);
    run(&bench, async |op| {
        every::refresh(op, GUEST, &mut saved).await
    })
    .unwrap();
    assert_eq!(*K::list(&saved), [known], "the other is gone");
    bench.store.remove(&placed[0].record());
    run(&bench, async |op| {
        every::refresh(op, GUEST, &mut saved).await
    })
    .unwrap();
    assert_eq!(*K::list(&saved), []);
}

#[test]
fn what_is_written_is_read_back_and_known_again() {
    macro_rules! check_kinds {
        ($($(#[$doc:meta])* $kind:ident $name:literal $served:ident $(($listed:ident))?;)+) => {
            $($(check::<crate::types::$listed>();)?)+
        };
    }
    for_each_kind!(check_kinds);
}
