//! For tests that change or end their whole process: a part of a test, in a process of its own.

use std::process::Command;

const PART: &str = "XENLIGHT_TEST_PART";

/// The command that runs the ignored test `in_a_process_of_its_own` of `module` (its `module_path!()`), which finds
/// `words` again with [`part`].
pub(crate) fn command(module: &str, words: &str) -> Command {
    let (_, module) = module.split_once("::").expect("a module of this crate");
    let test = format!("{module}::in_a_process_of_its_own");
    let program = std::env::current_exe().expect("the test program");
    let mut command = Command::new(program);
    command.args([&test, "--exact", "--ignored", "--nocapture"]);
    command.env(PART, words);
    command
}

/// What this process is to do.
pub(crate) fn part() -> String {
    std::env::var(PART).expect("run by another test")
}
