//! Shared resources of a socket: cache monitoring, cache and memory bandwidth allocation.

use std::io;

use super::{Xc, check, control, integer_calls};

integer_calls! {
    /// Starts monitoring a domain.
    fn psr_cmt_attach(domid: u32) = xc_psr_cmt_attach;
    /// Stops monitoring a domain.
    fn psr_cmt_detach(domid: u32) = xc_psr_cmt_detach;
}

/// What a domain can be given a share of (`xc_psr_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// The third-level cache.
    L3,
    /// The same, for code.
    L3Code,
    /// The same, for data.
    L3Data,
    /// The second-level cache.
    L2,
    /// The memory's bandwidth.
    Bandwidth,
}

impl Resource {
    fn raw(self) -> control::xc_psr_type {
        match self {
            Resource::L3 => control::xc_psr_type::XC_PSR_CAT_L3_CBM,
            Resource::L3Code => control::xc_psr_type::XC_PSR_CAT_L3_CBM_CODE,
            Resource::L3Data => control::xc_psr_type::XC_PSR_CAT_L3_CBM_DATA,
            Resource::L2 => control::xc_psr_type::XC_PSR_CAT_L2_CBM,
            Resource::Bandwidth => control::xc_psr_type::XC_PSR_MBA_THRTL,
        }
    }
}

/// What is counted for a monitored domain (`xc_psr_cmt_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// The third-level cache that it fills.
    CacheOccupancy,
    /// What it moves from and to all memory.
    TotalMemory,
    /// What it moves from and to the memory of its socket.
    LocalMemory,
}

/// A cache whose use can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// The second level.
    L2,
    /// The third level.
    L3,
}

/// How a cache of a socket can be shared out.
#[derive(Clone, Copy, Debug)]
pub struct CacheInfo {
    /// The highest class of service.
    pub cos_max: u32,
    /// Bits of a mask.
    pub cbm_len: u32,
    /// Code and data have masks of their own.
    pub cdp_enabled: bool,
}

/// How a socket's memory bandwidth can be limited.
#[derive(Clone, Copy, Debug)]
pub struct BandwidthInfo {
    /// The highest class of service.
    pub cos_max: u32,
    /// The strongest throttle.
    pub thrtl_max: u32,
    /// Throttles are in per cent.
    pub linear: bool,
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
    pub fn psr_cmt_data(&self, rmid: u32, cpu: u32, counter: Counter) -> io::Result<(u64, u64)> {
        let counter = match counter {
            Counter::CacheOccupancy => control::xc_psr_cmt_type::XC_PSR_CMT_L3_OCCUPANCY,
            Counter::TotalMemory => control::xc_psr_cmt_type::XC_PSR_CMT_TOTAL_MEM_COUNT,
            Counter::LocalMemory => control::xc_psr_cmt_type::XC_PSR_CMT_LOCAL_MEM_COUNT,
        };
        let (mut data, mut tsc) = (0, 0);
        // SAFETY: both pointers are to locals of the right type.
        check(|| unsafe {
            control::xc_psr_cmt_get_data(self.as_ptr(), rmid, cpu, counter, &mut data, &mut tsc)
        })?;
        Ok((data, tsc))
    }

    /// Sets what a domain gets on a socket.
    pub fn psr_set(&self, domid: u32, kind: Resource, socket: u32, value: u64) -> io::Result<()> {
        let kind = kind.raw();
        // SAFETY: the handle is live and the other arguments are integers.
        check(|| unsafe {
            control::xc_psr_set_domain_data(self.as_ptr(), domid, kind, socket, value)
        })
        .map(drop)
    }

    /// What a domain gets on a socket.
    pub fn psr_get(&self, domid: u32, kind: Resource, socket: u32) -> io::Result<u64> {
        let kind = kind.raw();
        let mut value = 0;
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe {
            control::xc_psr_get_domain_data(self.as_ptr(), domid, kind, socket, &mut value)
        })?;
        Ok(value)
    }

    /// How a cache of a socket can be shared out.
    pub fn psr_cache_info(&self, socket: u32, cache: Cache) -> io::Result<CacheInfo> {
        let info = self.psr_hw_info(
            socket,
            match cache {
                Cache::L2 => control::xc_psr_feat_type::XC_PSR_CAT_L2,
                Cache::L3 => control::xc_psr_feat_type::XC_PSR_CAT_L3,
            },
        )?;
        // SAFETY: the member for the kind that was asked for; its bool is written by C as one.
        let cat = unsafe { info.cat };
        Ok(CacheInfo {
            cos_max: cat.cos_max,
            cbm_len: cat.cbm_len,
            cdp_enabled: cat.cdp_enabled,
        })
    }

    /// How a socket's memory bandwidth can be limited.
    pub fn psr_bandwidth_info(&self, socket: u32) -> io::Result<BandwidthInfo> {
        let info = self.psr_hw_info(socket, control::xc_psr_feat_type::XC_PSR_MBA)?;
        // SAFETY: the member for the kind that was asked for; its bool is written by C as one.
        let mba = unsafe { info.mba };
        Ok(BandwidthInfo {
            cos_max: mba.cos_max,
            thrtl_max: mba.thrtl_max,
            linear: mba.linear,
        })
    }

    fn psr_hw_info(
        &self,
        socket: u32,
        kind: control::xc_psr_feat_type,
    ) -> io::Result<control::xc_psr_hw_info> {
        let mut info = control::xc_psr_hw_info::default();
        // SAFETY: the pointer is to a local of the right type.
        check(|| unsafe { control::xc_psr_get_hw_info(self.as_ptr(), socket, kind, &mut info) })?;
        Ok(info)
    }
}
