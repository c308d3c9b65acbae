//! The domain's configuration as the library keeps it: JSON in the userdata, brought up to date with what runs.

use super::userdata::Locked;
use crate::device::every;
use crate::types::{self, DomainBuildInfoU, DomainConfig};
use crate::{Code, Error, Result};

/// The name of the file, for all libxl versions.
const FILE: &str = "libxl-json";

/// Reads the stored configuration. `ERROR_JSON_CONFIG_EMPTY` when there is none.
pub fn load(data: &Locked<'_>) -> Result<DomainConfig> {
    let bytes = data.retrieve(FILE)?.ok_or_else(|| {
        Error::new(
            Code::JsonConfigEmpty,
            "the domain has no stored configuration",
        )
    })?;
    let text = bytes.strip_suffix(b"\0").unwrap_or(&bytes);
    let text = std::str::from_utf8(text)
        .map_err(|_| Error::fail("the stored configuration is not UTF-8"))?;
    types::from_json_str(text).map_err(|e| e.context("reading the stored configuration"))
}

/// Stores `config`, with the NUL at the end that other readers expect.
pub fn save(data: &Locked<'_>, config: &DomainConfig) -> Result<()> {
    let mut text = types::to_json_string(config)?.into_bytes();
    text.push(0);
    data.store(FILE, &text)
}

/// Takes over into the caller's configuration, as it was before defaults, what only the creation could decide. The rest
/// stays open, so that a later release may decide better when the domain is built again.
pub fn adopt(saved: &mut DomainConfig, used: &DomainConfig) {
    every::adopt(saved, used);
    saved.c_info.uuid = used.c_info.uuid;
    saved.b_info.video_memkb = used.b_info.video_memkb;
    // A machine that receives the guest must know which it was.
    let relaxed = used.b_info.arch_x86.msr_relaxed.unwrap_or(false);
    saved.b_info.arch_x86.msr_relaxed.get_or_insert(relaxed);
    if let (DomainBuildInfoU::Hvm(saved), DomainBuildInfoU::Hvm(used)) =
        (&mut saved.b_info.u, &used.b_info.u)
    {
        saved.pirq.get_or_insert(used.pirq.unwrap_or(false));
    }
}
