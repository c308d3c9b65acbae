//! `fuzz SECONDS [TARGET...]`: mutations of the kept inputs, new ones in every run. `fuzz --list` names the targets.
//!
//! The input under way lies in `TARGET.input` of the working directory, from where a finding goes into the corpus.

use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime};

use xenlight_fuzz::{Cost, Mutator, TARGETS, corpus, target};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words == ["--list"] {
        TARGETS
            .iter()
            .for_each(|target| println!("{}", target.name));
        return ExitCode::SUCCESS;
    }
    let seconds = words.first().and_then(|word| word.parse().ok());
    let Some(seconds) = seconds else {
        eprintln!("usage: fuzz SECONDS [TARGET...] | fuzz --list");
        return ExitCode::from(2);
    };
    let mut names: Vec<&str> = words[1..].iter().map(String::as_str).collect();
    if names.is_empty() {
        names = TARGETS.iter().map(|target| target.name).collect();
    }
    for name in names {
        if let Err(error) = run(name, Duration::from_secs(seconds)) {
            eprintln!("fuzz: {name}: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(name: &str, time: Duration) -> Result<(), String> {
    let target = target(name).ok_or("no such target")?;
    let kept = corpus(name).map_err(|error| format!("no corpus: {error}"))?;
    let inputs: Vec<_> = kept.into_iter().map(|(_, bytes)| bytes).collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed = now.map_or(0, |now| now.as_secs());
    let (mut mutator, began, mut count) = (Mutator::new(seed), Instant::now(), 0_u64);
    let (file, mut worst) = (format!("{name}.input"), Cost::default());
    while began.elapsed() < time {
        let input = mutator.mutation(&inputs);
        std::fs::write(&file, &input).map_err(|error| format!("{file}: {error}"))?;
        let cost = target
            .check(&input)
            .map_err(|over| format!("{file} {over}"))?;
        worst = worst.max(cost);
        count += 1;
    }
    println!("{name}: {count} inputs from seed {seed}, at most {worst}, nothing found");
    std::fs::remove_file(&file).map_err(|error| format!("{file}: {error}"))
}
