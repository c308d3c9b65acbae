//! The program `stubdom-init`; all of it is in the library.

fn main() {
    xenlight_stubdom_agent::first_process()
}
