//! Shared resources of a socket: cache monitoring, cache and memory bandwidth allocation.

use std::io;

use super::{Xc, check, control, integer_calls};
use crate::types::{PsrCbmType, PsrCmtType, PsrFeatType, PsrHwInfoCat, PsrHwInfoMba, PsrHwInfoU};

integer_calls! {
    /// Starts monitoring a domain.
    fn psr_cmt_attach(domid: u32) = xc_psr_cmt_attach;
    /// Stops monitoring a domain.
    fn psr_cmt_detach(domid: u32) = xc_psr_cmt_detach;
}

/// The C enumerator; EINVAL for a kind that the hypervisor does not have.
fn resource(kind: PsrCbmType) -> io::Result<control::xc_psr_type> {
    Ok(match kind {
        PsrCbmType::L3Cbm => control::xc_psr_type::XC_PSR_CAT_L3_CBM,
        PsrCbmType::L3CbmCode => control::xc_psr_type::XC_PSR_CAT_L3_CBM_CODE,
        PsrCbmType::L3CbmData => control::xc_psr_type::XC_PSR_CAT_L3_CBM_DATA,
        PsrCbmType::L2Cbm => control::xc_psr_type::XC_PSR_CAT_L2_CBM,
        PsrCbmType::MbaThrtl => control::xc_psr_type::XC_PSR_MBA_THRTL,
        PsrCbmType::Unknown => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
    })
}

/// Getters of one number.
macro_rules! numbers {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) = $function:ident;)*) => {
        impl Xc {
            $(
                $(#[$doc])*
                pub fn $name(&self, $($arg: $type),*) -> io::Result<u32> {
                    let mut number = 0;
                    // SAFETY: the handle is live, the pointer is to a local of the right type, the rest are integers.
                    check(|| unsafe { control::$function(self.as_ptr(), $($arg,)* &mut number) })?;
                    Ok(number)
                }
            )*
        }
    };
}

numbers! {
    /// The monitoring id of a domain; 0 when it is not monitored.
    fn psr_cmt_domain_rmid(domid: u32) = xc_psr_cmt_get_domain_rmid;
    /// How many domains can be monitored at a time.
    fn psr_cmt_total_rmid() = xc_psr_cmt_get_total_rmid;
    /// Bytes per unit that the counters count.
    fn psr_cmt_l3_upscaling_factor() = xc_psr_cmt_get_l3_upscaling_factor;
    /// Which counters there are, a bit each.
    fn psr_cmt_l3_event_mask() = xc_psr_cmt_get_l3_event_mask;
    /// KiB of the third-level cache of a CPU.
    fn psr_cmt_l3_cache_size(cpu: u32) = xc_psr_cmt_get_l3_cache_size;
}

impl Xc {
    /// Whether domains can be monitored.
    pub fn psr_cmt_enabled(&self) -> bool {
        // SAFETY: the handle is live.
        unsafe { control::xc_psr_cmt_enabled(self.as_ptr()) > 0 }
    }

    /// A counter of a monitored domain, and the time stamp counter when it was read.
    pub fn psr_cmt_data(&self, rmid: u32, cpu: u32, counter: PsrCmtType) -> io::Result<(u64, u64)> {
        let counter = match counter {
            PsrCmtType::CacheOccupancy => control::xc_psr_cmt_type::XC_PSR_CMT_L3_OCCUPANCY,
            PsrCmtType::TotalMemCount => control::xc_psr_cmt_type::XC_PSR_CMT_TOTAL_MEM_COUNT,
            PsrCmtType::LocalMemCount => control::xc_psr_cmt_type::XC_PSR_CMT_LOCAL_MEM_COUNT,
        };
        let (mut data, mut tsc) = (0, 0);
        // SAFETY: both pointers are to locals of the right type.
        check(|| unsafe {
            control::xc_psr_cmt_get_data(self.as_ptr(), rmid, cpu, counter, &mut data, &mut tsc)
        })?;
        Ok((data, tsc))
    }

    /// Sets what a domain gets on a socket.
    pub fn psr_set(&self, domid: u32, kind: PsrCbmType, socket: u32, value: u64) -> io::Result<()> {
        let kind = resource(kind)?;
        // SAFETY: the handle is live and the other arguments are integers.
        check(|| unsafe {
            control::xc_psr_set_domain_data(self.as_ptr(), domid, kind, socket, value)
        })
        .map(drop)
    }

    /// What a domain gets on a socket.
    pub fn psr_get(&self, domid: u32, kind: PsrCbmType, socket: u32) -> io::Result<u64> {
        let kind = resource(kind)?;
        let mut value = 0;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe {
            control::xc_psr_get_domain_data(self.as_ptr(), domid, kind, socket, &mut value)
        })?;
        Ok(value)
    }

    /// What a socket can do; `level` is that of the cache.
    pub fn psr_hw_info(
        &self,
        socket: u32,
        feature: PsrFeatType,
        level: u32,
    ) -> io::Result<PsrHwInfoU> {
        let kind = match (feature, level) {
            (PsrFeatType::Cat, 3) => control::xc_psr_feat_type::XC_PSR_CAT_L3,
            (PsrFeatType::Cat, 2) => control::xc_psr_feat_type::XC_PSR_CAT_L2,
            (PsrFeatType::Cat, _) => return Err(io::Error::from_raw_os_error(libc::EINVAL)),
            (PsrFeatType::Mba, _) => control::xc_psr_feat_type::XC_PSR_MBA,
        };
        let mut info = control::xc_psr_hw_info::default();
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_psr_get_hw_info(self.as_ptr(), socket, kind, &mut info) })?;
        Ok(match feature {
            PsrFeatType::Cat => {
                // SAFETY: the member for the kind that was asked for; its bool is written by C as one.
                let cat = unsafe { info.cat };
                PsrHwInfoU::Cat(PsrHwInfoCat {
                    cos_max: cat.cos_max,
                    cbm_len: cat.cbm_len,
                    cdp_enabled: cat.cdp_enabled,
                })
            }
            PsrFeatType::Mba => {
                // SAFETY: as above.
                let mba = unsafe { info.mba };
                PsrHwInfoU::Mba(PsrHwInfoMba {
                    cos_max: mba.cos_max,
                    thrtl_max: mba.thrtl_max,
                    linear: mba.linear,
                })
            }
        })
    }
}
