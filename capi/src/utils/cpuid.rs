//! `libxl_cpuid_*`: rules for what CPUID shows, from configuration files.

use std::ffi::{CStr, c_char, c_int};

use crate::boundary::plain;
use crate::ctx::libxl_ctx;
use crate::types::{CType, libxl_cpuid_policy_list};

/// What both parsers return for text they cannot even look at; the same as for text without an equals sign.
const NOT_TEXT: c_int = 1;

/// Adds a rule such as `sse3=0`; 0, or 1 to 3 for what is wrong with it.
///
/// # Safety
/// `policy` is NULL or an initialised policy; `text` is NULL or a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpuid_parse_config(
    policy: *mut libxl_cpuid_policy_list,
    text: *const c_char,
) -> c_int {
    plain("libxl_cpuid_parse_config", NOT_TEXT, || {
        // SAFETY: the same contract.
        let Some((policy, text)) = (unsafe { arguments(policy, text) }) else {
            return NOT_TEXT;
        };
        // SAFETY: an initialised policy by the caller's promise.
        let added = unsafe { policy.policy_mut() }.add_rule(text);
        added.map_or_else(|error| error as c_int, |()| 0)
    })
}

/// Adds a rule in xend's language, such as `1:ecx=xx…`; 0, or 1 to 5 for what is wrong with it.
///
/// # Safety
/// As for [`libxl_cpuid_parse_config`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpuid_parse_config_xend(
    policy: *mut libxl_cpuid_policy_list,
    text: *const c_char,
) -> c_int {
    plain("libxl_cpuid_parse_config_xend", NOT_TEXT, || {
        // SAFETY: the same contract.
        let Some((policy, text)) = (unsafe { arguments(policy, text) }) else {
            return NOT_TEXT;
        };
        // SAFETY: an initialised policy by the caller's promise.
        let added = unsafe { policy.policy_mut() }.add_xend_rule(text);
        added.map_or_else(|error| error as c_int, |()| 0)
    })
}

/// How many CPUID leaves have rules.
///
/// # Safety
/// `pl` is NULL or an initialised policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpuid_policy_list_length(
    pl: *const libxl_cpuid_policy_list,
) -> c_int {
    // SAFETY: NULL or an initialised policy.
    let policy = unsafe { pl.as_ref().and_then(|pl| pl.policy()) };
    policy.map_or(0, |policy| {
        c_int::try_from(policy.leaves.len()).unwrap_or(c_int::MAX)
    })
}

/// Frees a policy and leaves none.
///
/// # Safety
/// `cpuid_list` is NULL or an initialised policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpuid_dispose(cpuid_list: *mut libxl_cpuid_policy_list) {
    // SAFETY: NULL or an initialised policy that the caller gives up.
    unsafe {
        if let Some(list) = cpuid_list.as_mut() {
            list.dispose();
        }
    }
}

/// Makes a copy; the old contents of `dst` are not freed.
///
/// # Safety
/// `src` is NULL or an initialised policy; `dst` is NULL or valid for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn libxl_cpuid_policy_list_copy(
    _ctx: *mut libxl_ctx,
    dst: *mut libxl_cpuid_policy_list,
    src: *const libxl_cpuid_policy_list,
) {
    // SAFETY: NULL or an initialised policy, and valid for writing.
    unsafe {
        if let (Some(src), false) = (src.as_ref(), dst.is_null()) {
            src.deep_copy(dst);
        }
    }
}

/// # Safety
/// `policy` is NULL or an initialised policy; `text` is NULL or a C string.
unsafe fn arguments<'a>(
    policy: *mut libxl_cpuid_policy_list,
    text: *const c_char,
) -> Option<(&'a mut libxl_cpuid_policy_list, &'a str)> {
    if text.is_null() {
        return None;
    }
    // SAFETY: an initialised policy, and a C string as it is not NULL.
    unsafe { Some((policy.as_mut()?, CStr::from_ptr(text).to_str().ok()?)) }
}
