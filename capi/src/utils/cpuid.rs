//! `libxl_cpuid_*`: rules for what CPUID shows, from configuration files.

use std::ffi::c_int;

use xenlight::types::CpuidPolicyList;

use crate::args::{In, InOut, Out, Text, Unused};
use crate::ctx::libxl_ctx;
use crate::export::export;
use crate::types::libxl_cpuid_policy_list;

/// What both parsers return for text they cannot even look at; the same as for text without an equals sign.
const NOT_TEXT: c_int = 1;

export! {
    /// Adds a rule such as `sse3=0`; 0, or 1 to 3 for what is wrong with it.
    fn libxl_cpuid_parse_config(
        policy: InOut<libxl_cpuid_policy_list>,
        text: Text,
    ) -> c_int [else NOT_TEXT] {
        add(policy, text, |policy, text| {
            policy.add_rule(text).map_err(|error| error as c_int)
        })
    }

    /// Adds a rule in xend's language, such as `1:ecx=xx…`; 0, or 1 to 5 for what is wrong with it.
    fn libxl_cpuid_parse_config_xend(
        policy: InOut<libxl_cpuid_policy_list>,
        text: Text,
    ) -> c_int [else NOT_TEXT] {
        add(policy, text, |policy, text| {
            policy.add_xend_rule(text).map_err(|error| error as c_int)
        })
    }

    /// How many CPUID leaves have rules.
    fn libxl_cpuid_policy_list_length(pl: In<libxl_cpuid_policy_list>) -> c_int [else 0] {
        c_int::try_from(pl.leaves()).unwrap_or(c_int::MAX)
    }

    /// Frees a policy and leaves none.
    fn libxl_cpuid_dispose(cpuid_list: InOut<libxl_cpuid_policy_list>) -> () [else ()] {
        cpuid_list.dispose();
    }

    /// Makes a copy; the old contents of `dst` are not freed.
    fn libxl_cpuid_policy_list_copy(
        _ctx: Unused<libxl_ctx>,
        dst: Out<libxl_cpuid_policy_list>,
        src: In<libxl_cpuid_policy_list>,
    ) -> () [else ()] {
        dst.copy_of(&src);
    }
}

/// Changes a policy by `rule`, which returns what is wrong with the text.
fn add(
    policy: InOut<libxl_cpuid_policy_list>,
    text: Text,
    rule: impl FnOnce(&mut CpuidPolicyList, &str) -> Result<(), c_int>,
) -> c_int {
    let Ok(text) = text.required() else {
        return NOT_TEXT;
    };
    let added = policy.change_policy(|policy| rule(policy, text).err().unwrap_or(0));
    added.unwrap_or(NOT_TEXT)
}
