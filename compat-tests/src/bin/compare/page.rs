//! docs/compare.md: first what speaks against this library, then all numbers.

use std::fmt::Write as _;

use crate::run::{Cost, MEASURES, Measure, Run, Verdict};

/// Nearer to one than that is noise.
const NOISE: f64 = 0.05;

/// The plot's name in docs/compare.
pub fn plot_name(release: &str, measure: &Measure) -> String {
    format!("{release}-{}.svg", measure.name)
}

/// Of each release in turn.
pub fn page(runs: &[(String, Run)]) -> String {
    let mut text = String::from(
        "# Side by side with the C library\n\n\
         Written by `make compare`: Debian's `libxenlight.so` and this one under the same `xl`, in turns, in one boot of real Xen.\n\n\
         - Xen runs under QEMU's software CPU, with two processors and disks in memory. Seconds of this machine say nothing about \
         yours; ratios say something, and counts are exact.\n\
         - Times are medians of two to four. A ratio between 0.95 and 1.05 is noise.\n\
         - The scenarios compare what this project thought of. docs/quirks.md lists what differs on purpose.\n\
         - Not compared: a busy host, many guests, a guest's own speed (its device model is Debian's QEMU with either library).\n",
    );
    for (release, run) in runs {
        let _ = write!(text, "\n{}", summary(release, run));
    }
    for (release, run) in runs {
        let _ = write!(text, "\n{}", numbers(release, run));
    }
    text
}

fn ratio(cost: &Cost) -> Option<f64> {
    let c = cost.c.filter(|c| *c != 0)?;
    // Counts and times are far below 2^53.
    #[expect(clippy::cast_precision_loss)]
    Some(cost.ours as f64 / c as f64)
}

fn shown(ratio: Option<f64>) -> String {
    ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"))
}

fn heading(measure: &str) -> &str {
    let found = MEASURES.iter().find(|known| known.name == measure);
    found.map_or(measure, |known| known.heading)
}

/// What a sceptic wants to know first.
fn summary(release: &str, run: &Run) -> String {
    let ratios: Vec<_> = run.costs.iter().filter_map(ratio).collect();
    let count = |holds: &dyn Fn(f64) -> bool| ratios.iter().filter(|ratio| holds(**ratio)).count();
    let (less, more) = (
        count(&|ratio| ratio < 1.0 - NOISE),
        count(&|ratio| ratio > 1.0 + NOISE),
    );
    let both = |verdict: &&Verdict| verdict.c == "PASS" && verdict.ours == "PASS";
    let passed = run.verdicts.iter().filter(both).count();
    let compared: usize = run.verdicts.iter().map(|verdict| verdict.compared).sum();
    let differ: usize = run.verdicts.iter().map(|verdict| verdict.differ).sum();
    let mut text = format!(
        "## In short: Xen {release}\n\n\
         {passed} of {} scenarios passed on both libraries; in the {compared} outputs that were compared {differ} lines differ \
         that docs/quirks.md does not list. Of {} costs that both libraries have, {less} are lower with this library, {more} are \
         higher, and {} are the same.\n",
        run.verdicts.len(),
        ratios.len(),
        ratios.len() - less - more,
    );
    for verdict in run
        .verdicts
        .iter()
        .filter(|verdict| !verdict.remark.is_empty())
    {
        let _ = writeln!(
            text,
            "\nScenario {}, C library: {}",
            verdict.scenario, verdict.remark
        );
    }
    let mut worse: Vec<_> = run
        .costs
        .iter()
        .filter(|cost| ratio(cost).is_some_and(|ratio| ratio > 1.0 + NOISE))
        .collect();
    worse.sort_by(|one, other| ratio(other).partial_cmp(&ratio(one)).expect("numbers"));
    if !worse.is_empty() {
        text.push_str("\nWhere this library is worse:\n\n");
        text.push_str(&table(&worse));
    }
    text
}

fn table(costs: &[&Cost]) -> String {
    let mut text = String::from(
        "| guest | operation | measure | C library | this library | ratio |\n|---|---|---|---:|---:|---:|\n",
    );
    for cost in costs {
        let c = cost
            .c
            .map_or("cannot".to_owned(), |value| value.to_string());
        let _ = writeln!(
            text,
            "| {} | {} | {} | {c} | {} | {} |",
            cost.guest,
            cost.operation,
            heading(&cost.measure),
            cost.ours,
            shown(ratio(cost))
        );
    }
    text
}

fn numbers(release: &str, run: &Run) -> String {
    let mut text = format!(
        "## All numbers: Xen {release}\n\n\
         System calls, hypercalls and processes are those of xl and the library, without those of hotplug scripts and QEMU; store \
         requests are all that reached xenstored through its socket meanwhile.\n\n{}\n",
        table(&run.costs.iter().collect::<Vec<_>>())
    );
    for measure in MEASURES.iter().filter(|measure| measure.plotted) {
        let _ = writeln!(
            text,
            "![{}](compare/{})\n",
            measure.heading,
            plot_name(release, measure)
        );
    }
    text.push_str("The dozen most frequent system calls:\n\n| guest | operation | C library | this library |\n|---|---|---|---|\n");
    for calls in &run.calls {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            calls.guest, calls.operation, calls.c, calls.ours
        );
    }
    text.push_str(
        "\nCompared are xenstore with permissions, `xl list -l`, HVM parameters, QEMU's arguments and what commands print, once \
         numbers that change from run to run have got names:\n\n\
         | scenario | C library | this library | outputs compared | lines that differ |\n|---|---|---|---:|---:|\n",
    );
    for verdict in &run.verdicts {
        let differ = match verdict.compared {
            0 => "-".to_owned(),
            _ => verdict.differ.to_string(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {differ} |",
            verdict.scenario, verdict.c, verdict.ours, verdict.compared
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::tests::cost;

    fn run() -> Run {
        let verdict = |scenario: &str, differ, remark: &str| Verdict {
            scenario: scenario.into(),
            c: "PASS".into(),
            ours: "PASS".into(),
            compared: 3,
            differ,
            remark: remark.into(),
        };
        Run {
            costs: vec![
                cost("pv", "ms", Some(100), 50),
                cost("pv", "hypercalls", Some(100), 103),
                cost("hvm", "ms", Some(100), 110),
                cost("hvm", "kept-kib", Some(100), 150),
                cost("stubdom", "ms", None, 7),
                cost("pv", "own-processes", Some(0), 0),
            ],
            calls: Vec::new(),
            verdicts: vec![
                verdict("hvm", 2, ""),
                verdict("stubdom", 0, "it does not start"),
            ],
        }
    }

    #[test]
    fn what_is_worse_comes_first_and_is_all_there() {
        let text = page(&[("4.17".to_owned(), run())]);
        let at = |part: &str| {
            text.find(part)
                .unwrap_or_else(|| panic!("no {part:?} in {text}"))
        };
        assert!(
            at(
                "Of 4 costs that both libraries have, 1 are lower with this library, 2 are higher, and 1 are the same"
            ) > 0
        );
        assert!(at("2 of 2 scenarios passed") < at("2 lines differ"));
        assert!(
            at("Scenario stubdom, C library: it does not start")
                < at("Where this library is worse")
        );
        let (memory, time) = (at("| 100 | 150 | 1.50 |"), at("| 100 | 110 | 1.10 |"));
        assert!(memory < time && time < at("## All numbers"));
        assert!(
            at("| stubdom | create | wall time (ms) | cannot | 7 | - |") > at("## All numbers")
        );
    }
}
