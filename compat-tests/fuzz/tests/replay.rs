//! Every kept input, blown up as far as its parser takes it, and mutations: no panic, bounded time and memory.
//!
//! One test, because both are those of the whole process.

use std::fmt::Write;

use xenlight_fuzz::{Cost, Mutator, TARGETS, Target, corpus};

/// Mutations of each target; those that start threads and sockets get fewer.
const MUTATIONS: usize = 1500;
const MUTATIONS_WITH_THREADS: usize = 150;

/// What no domain can make long: a node has 4096 bytes, and rules come from the configuration.
const BOUNDED_BEFORE: [&str; 2] = ["store_nodes", "cpuid"];

/// Larger than any limit on one message or text.
const BLOWN_UP: usize = 1_200_000;

#[test]
fn no_input_panics_or_costs_much() {
    let mut report = String::new();
    for target in TARGETS {
        let name = target.name;
        println!("{name}");
        let kept = corpus(name).unwrap_or_else(|error| panic!("no corpus of {name}: {error}"));
        assert!(kept.len() >= 3, "{name} has only {} inputs", kept.len());
        let mut worst = Cost::default();
        for (path, bytes) in &kept {
            let file = path.display();
            assert!(bytes.len() <= 2048, "{file} has {} bytes", bytes.len());
            worst = worst.max(bounded(target, bytes, &file.to_string()));
            if bytes.is_empty() || BOUNDED_BEFORE.contains(&name) {
                continue;
            }
            let many = bytes.repeat(BLOWN_UP / bytes.len());
            worst = worst.max(bounded(target, &many, &format!("{file}, many times")));
        }
        let inputs: Vec<_> = kept.into_iter().map(|(_, bytes)| bytes).collect();
        let threads = name.ends_with("_conversation") || name == "store_nodes";
        let count = if threads {
            MUTATIONS_WITH_THREADS
        } else {
            MUTATIONS
        };
        let mut mutator = Mutator::new(1);
        for number in 0..count {
            let input = mutator.mutation(&inputs);
            worst = worst.max(bounded(
                target,
                &input,
                &format!("{name}, mutation {number}"),
            ));
        }
        writeln!(
            report,
            "{name}: {} inputs, {count} mutations, at most {worst}",
            inputs.len()
        )
        .expect("a string takes everything");
    }
    println!("{report}");
    long_rows();
}

/// Long rows of one small value: the worst ratio of memory to text.
fn long_rows() {
    for (target, open, value, close) in [
        (
            "qmp_message",
            r#"{"id":1,"return":["#,
            r#"{"":0},"#,
            "0]}\r\n",
        ),
        ("qmp_message", r#"{"id":1,"return":["#, "[],", "0]}\r\n"),
        ("qmp_message", r#"{"id":1,"return":"#, "[", "\r\n"),
        ("json_config", r#"{"disks":["#, "{},", "{}]}"),
        ("json_config", r#"{"b_info":{"cpumap":["#, "0,", "1]}}"),
        (
            "json_config",
            r#"{"b_info":{"extra":["#,
            r#""","#,
            r#"""]}}"#,
        ),
        ("agent_relay", "[", r#"{"":0},"#, "0]\r\n"),
        ("agent_relay", "[", "0,", "0]\r\n"),
    ] {
        let run = xenlight_fuzz::target(target).expect("a target of that name");
        let length = 1_000_000 - open.len() - close.len();
        let text = format!("{open}{}{close}", value.repeat(length / value.len()));
        let what = format!("{target}, rows of {value}");
        println!("{what}: {}", bounded(run, text.as_bytes(), &what));
    }
}

fn bounded(target: Target, input: &[u8], what: &str) -> Cost {
    let cost = target.check(input);
    cost.unwrap_or_else(|over| panic!("{what}: {over}"))
}
