//! How much memory a guest needs, and how it is asked to take or give some.

use std::time::Duration;

use super::query;
use super::userdata::Userdata;
use crate::engine::Op;
use crate::store::{Tx, layout};
use crate::types::{DomainBuildInfo, DomainBuildInfoU, DomainType, Uuid};
use crate::xen::{PAGE_SIZE, Xen};
use crate::{Code, DOM0, Domid, Error, Result};

/// What Xen lets a domain have beyond its target, for video memory and other small extras (KiB).
pub const MAXMEM_EXTRA_KB: u64 = 1024;

/// What Xen itself needs for a guest, by kind (KiB).
const PV_OVERHEAD_KB: u64 = 1024;
const HVM_OVERHEAD_KB: u64 = 2048;

/// Dom0 is not squeezed below this (KiB).
const MIN_DOM0_KB: u64 = 128 << 10;

/// Memory for shadow or hardware-assisted page tables, in KiB: 1 MiB per vCPU, a page per MiB of RAM for the map of
/// physical to machine pages (not PV), and a page per MiB to shadow the running processes (not HAP).
pub fn paging_kb(max_memkb: u64, vcpus: u64, type_: DomainType, hap: bool) -> u64 {
    let maps = u64::from(type_ != DomainType::Pv) + u64::from(!hap);
    4u64.saturating_mul(
        vcpus
            .saturating_mul(256)
            .saturating_add(maps * (max_memkb / 1024)),
    )
}

/// Memory for an IOMMU's own page tables, in KiB: four levels of 512 entries.
pub fn iommu_kb(max_memkb: u64) -> u64 {
    let mut pages = max_memkb / 4;
    let mut tables = 0;
    for _ in 0..4 {
        pages = pages.div_ceil(512);
        tables += pages;
    }
    tables * 4
}

/// Memory that must be free before the guest is created, in KiB, rounded up to 2 MiB. The defaults are filled in.
pub fn need_kb(info: &DomainBuildInfo) -> Result<u64> {
    let stubdomain = info.device_model_stubdomain == Some(true);
    let extra = match info.u {
        DomainBuildInfoU::Pv(_) => PV_OVERHEAD_KB,
        DomainBuildInfoU::Hvm(_) | DomainBuildInfoU::Pvh(_) if stubdomain => {
            HVM_OVERHEAD_KB + info.stubdomain_memkb + info.video_memkb
        }
        DomainBuildInfoU::Hvm(_) | DomainBuildInfoU::Pvh(_) => HVM_OVERHEAD_KB,
        DomainBuildInfoU::Invalid => return Err(Error::inval("invalid domain type")),
    };
    [info.shadow_memkb, info.iommu_memkb, extra]
        .into_iter()
        .try_fold(info.target_memkb, u64::checked_add)
        .and_then(|sum| sum.checked_next_multiple_of(2 << 10))
        .ok_or_else(|| Error::inval("the configuration asks for more memory than can be counted"))
}

/// What the guest's own target in the store lacks compared with the configuration's target, in KiB.
pub fn target_fudge_kb(info: &DomainBuildInfo) -> u64 {
    let populate_on_demand =
        matches!(info.u, DomainBuildInfoU::Hvm(_)) && info.max_memkb > info.target_memkb;
    info.video_memkb.saturating_add(if populate_on_demand {
        MAXMEM_EXTRA_KB
    } else {
        0
    })
}

/// Memory that no domain has, in KiB; pages that wait to be wiped count.
pub fn free_kb(xen: &Xen) -> Result<u64> {
    let info = xen.physinfo()?;
    Ok((info.free_pages + info.scrub_pages) * (PAGE_SIZE / 1024))
}

/// Waits until that much is free and wiped. `ERROR_NOMEM` when it is not within `seconds`.
pub async fn wait_for_free(op: &Op, kb: u64, seconds: u32) -> Result<()> {
    for _ in 0..seconds {
        if op.xen()?.physinfo()?.free_pages * (PAGE_SIZE / 1024) >= kb {
            return Ok(());
        }
        op.sleep(Duration::from_secs(1)).await?;
    }
    let what = format!("{kb} KiB did not become free in {seconds} s");
    Err(Error::new(Code::Nomem, what).hint("shut down or shrink other domains"))
}

/// What a domain is asked to have, and the most it may be asked for, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its balloon driver's target.
    pub target_kb: u64,
    /// The most that it can be.
    pub max_kb: u64,
}

/// Reads a domain's target. For dom0, which nobody gave one, its present size becomes the target.
pub async fn target(op: &Op, domid: Domid) -> Result<Target> {
    let info = query::info(op.xen()?, domid)?;
    op.store()?
        .transaction(|tx| {
            let (current, max) = (info.current_memkb, info.max_memkb);
            async move { target_in(&tx, domid, current, max).await }
        })
        .await
}

async fn target_in(tx: &Tx, domid: Domid, current: u64, max: u64) -> Result<Target> {
    let mut found = [0, 0];
    let wanted = [("target", current), ("static-max", max)];
    for (value, (key, unset)) in found.iter_mut().zip(wanted) {
        let path = layout::domain_sub(domid, &format!("memory/{key}"));
        *value = match tx.read_str(&path).await? {
            Some(text) => text.parse().map_err(|_| {
                Error::fail(format!("{path} holds {text:?}, which is no size")).domain(domid)
            })?,
            None if domid == DOM0 => {
                tx.write(&path, unset.to_string()).await?;
                unset
            }
            None => {
                return Err(Error::fail(format!("{path} is missing")).domain(domid));
            }
        };
    }
    let [target_kb, max_kb] = found;
    Ok(Target { target_kb, max_kb })
}

/// How a domain's target shall change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// To this many KiB, video memory included.
    To(i64),
    /// By this many KiB.
    By(i64),
}

/// Sets the balloon driver's target; with `enforce` the hypervisor's limit follows.
///
/// `ERROR_INVAL` above the domain's maximum, and for dom0 below 128 MiB.
pub async fn set_target(op: &Op, domid: Domid, change: Change, enforce: bool) -> Result<()> {
    let type_ = query::type_of(op, domid).await?;
    let info = query::info(op.xen()?, domid)?;
    let set = |tx: Tx| {
        let info = &info;
        async move {
            let now = target_in(&tx, domid, info.current_memkb, info.max_memkb).await?;
            let path = layout::domain_sub(domid, "memory/videoram");
            let video = tx.read_str(&path).await?;
            let video = video.and_then(|text| text.parse().ok()).unwrap_or(0);
            let target = new_target(domid, now, change, video)?;
            if enforce {
                op.xen()?
                    .set_max_mem(domid, target + video + MAXMEM_EXTRA_KB)?;
            }
            if type_ != DomainType::Pv {
                let pages = (target + MAXMEM_EXTRA_KB) / (PAGE_SIZE / 1024);
                op.xen()?.set_pod_target(domid, pages)?;
            }
            write_target(&tx, domid, info.uuid, target).await
        }
    };
    op.store()?.transaction(set).await
}

async fn write_target(tx: &Tx, domid: Domid, uuid: Uuid, kb: u64) -> Result<()> {
    let path = layout::domain_sub(domid, "memory/target");
    tx.write(&path, kb.to_string()).await?;
    let path = layout::vm_sub(uuid, "memory");
    tx.write(&path, (kb / 1024).to_string()).await
}

fn new_target(domid: Domid, now: Target, change: Change, video_kb: u64) -> Result<u64> {
    let target = match change {
        Change::By(kb) => now.target_kb.saturating_add_signed(kb),
        Change::To(kb) => u64::try_from(kb)
            .ok()
            .and_then(|kb| kb.checked_sub(video_kb))
            .ok_or_else(|| Error::inval(format!("{kb} KiB is no size")).domain(domid))?,
    };
    if target > now.max_kb {
        let what = format!(
            "{target} KiB is more than the domain's maximum of {} KiB",
            now.max_kb
        );
        return Err(Error::inval(what)
            .domain(domid)
            .hint("raise it with xl mem-max"));
    }
    if domid == DOM0 && target < MIN_DOM0_KB {
        let what = format!("{target} KiB is less than the {MIN_DOM0_KB} KiB that dom0 needs");
        return Err(Error::inval(what).domain(domid));
    }
    Ok(target)
}

/// Waits until the domain has come down to its target. Fails when it makes no progress for `seconds`, or grows.
pub async fn wait_for_target(op: &Op, domid: Domid, seconds: u32) -> Result<()> {
    const LOOK_EVERY: u32 = 2;
    let target_kb = target(op, domid).await?.target_kb;
    let mut left = seconds;
    let mut before = u64::MAX;
    loop {
        op.sleep(Duration::from_secs(LOOK_EVERY.into())).await?;
        let info = query::info(op.xen()?, domid)?;
        let now = info.current_memkb.saturating_add(info.outstanding_memkb);
        if now <= target_kb {
            return Ok(());
        }
        if now == before {
            left = left.saturating_sub(LOOK_EVERY);
        }
        if now > before || left == 0 {
            let what =
                format!("the domain has {now} KiB and does not come down to {target_kb} KiB");
            return Err(Error::fail(what)
                .domain(domid)
                .hint("does its balloon driver run?"));
        }
        before = now;
    }
}

/// Sets the most that the domain can be asked to have, in the hypervisor and in the store.
pub async fn set_max(op: &Op, domid: Domid, kb: u64) -> Result<()> {
    let files = Userdata::of(op.xen()?, domid).map_err(|e| e.code_as(Code::LockFail))?;
    let _locked = files.lock(op).await?;
    let target = target(op, domid).await?.target_kb;
    if kb < target {
        let what = format!("{kb} KiB is less than the domain's target of {target} KiB");
        return Err(Error::new(Code::Nonspecific, what).domain(domid));
    }
    op.xen()?
        .set_max_mem(domid, kb.saturating_add(MAXMEM_EXTRA_KB))?;
    let path = layout::domain_sub(domid, "memory/static-max");
    op.store()?.write(&path, kb.to_string()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::Bench;

    #[test]
    fn page_tables_take_memory() {
        assert_eq!(
            paging_kb(1 << 20, 2, DomainType::Hvm, true),
            4 * (512 + 1024)
        );
        assert_eq!(
            paging_kb(1 << 20, 2, DomainType::Hvm, false),
            4 * (512 + 2048)
        );
        assert_eq!(
            paging_kb(1 << 20, 1, DomainType::Pv, false),
            4 * (256 + 1024)
        );
        // 1 GiB: 512 tables, then one each.
        assert_eq!(iommu_kb(1 << 20), 4 * (512 + 1 + 1 + 1));
    }

    #[test]
    fn need_is_rounded_to_two_mebibytes() {
        let mut info = DomainBuildInfo {
            u: DomainBuildInfoU::init(DomainType::Hvm),
            target_memkb: 100 << 10,
            shadow_memkb: 1,
            iommu_memkb: 0,
            video_memkb: 8 << 10,
            stubdomain_memkb: 128 << 10,
            ..DomainBuildInfo::default()
        };
        assert_eq!(need_kb(&info).unwrap(), 104 << 10);
        info.device_model_stubdomain = Some(true);
        assert_eq!(need_kb(&info).unwrap(), 240 << 10);
        info.target_memkb = u64::MAX;
        assert!(need_kb(&info).is_err());
    }

    #[test]
    fn targets_stay_between_their_bounds() {
        let now = Target {
            target_kb: 400 << 10,
            max_kb: 500 << 10,
        };
        assert_eq!(new_target(5, now, Change::By(-(500 << 10)), 0).unwrap(), 0);
        assert_eq!(
            new_target(5, now, Change::To(408 << 10), 8 << 10).unwrap(),
            400 << 10
        );
        assert!(new_target(5, now, Change::By(101 << 10), 0).is_err());
        assert!(new_target(0, now, Change::To(100 << 10), 0).is_err());
        assert!(new_target(5, now, Change::To(-1), 0).is_err());
    }

    #[test]
    fn only_dom0_gets_a_target_from_its_size() {
        let bench = Bench::new();
        let read = |domid| {
            bench.ctx.block_on(async |op| {
                let work = |tx: Tx| async move { target_in(&tx, domid, 300, 400).await };
                op.store()?.transaction(work).await
            })
        };
        let dom0 = read(0).expect("its size");
        assert_eq!((dom0.target_kb, dom0.max_kb), (300, 400));
        assert_eq!(
            bench.store.get("/local/domain/0/memory/target"),
            Some(b"300".to_vec())
        );
        assert!(read(5).is_err());
        bench.store.set("/local/domain/5/memory/target", "100");
        bench.store.set("/local/domain/5/memory/static-max", "-1");
        assert!(read(5).is_err());
        bench.store.set("/local/domain/5/memory/static-max", "200");
        assert_eq!(read(5).expect("both").max_kb, 200);
    }
}
