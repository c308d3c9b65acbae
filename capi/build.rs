//! Tells rustc which release of Xen to compile for.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    xenlight_release::tell_cargo();
}
