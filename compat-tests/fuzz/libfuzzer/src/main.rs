//! The target that XENLIGHT_FUZZ_TARGET names, under libFuzzer.
#![no_main]

use std::sync::LazyLock;

static TARGET: LazyLock<xenlight_fuzz::Target> = LazyLock::new(|| {
    let name = std::env::var("XENLIGHT_FUZZ_TARGET").expect("XENLIGHT_FUZZ_TARGET names a target");
    xenlight_fuzz::target(&name).expect("a target of that name; fuzz --list lists them")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    TARGET.check(data).expect("an input costs no more than the target's limit");
});
