//! One run of both libraries in one boot: what it cost, and what the scenarios came to. Kept as lines of tab-separated fields.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// A row of the table of costs.
pub struct Measure {
    /// In the scenario's file.
    pub name: &'static str,
    pub heading: &'static str,
    pub plotted: bool,
}

const fn measure(name: &'static str, heading: &'static str, plotted: bool) -> Measure {
    Measure {
        name,
        heading,
        plotted,
    }
}

pub const MEASURES: [Measure; 14] = [
    measure("ms", "wall time (ms)", true),
    measure("built-ms", "of it until the guest is built", false),
    measure(
        "scripts-ms",
        "then until its disk's script has run and the stub domain is built",
        false,
    ),
    measure(
        "devices-ms",
        "then until the stub domain's disk and consoles are served",
        false,
    ),
    measure("boot-ms", "then until QEMU runs in the stub domain", false),
    measure("syscalls", "system calls", true),
    measure("store-requests", "store requests", true),
    measure("hypercalls", "hypercalls", false),
    measure("own-processes", "processes started by the library", false),
    measure(
        "tasks",
        "processes and threads started in dom0, scripts and QEMU included",
        false,
    ),
    measure("kept-kib", "memory that the waiting xl keeps (KiB)", true),
    measure(
        "resident-kib",
        "the same with what it uses of its libraries (KiB)",
        false,
    ),
    measure(
        "serving",
        "processes that serve guests in dom0, its own QEMU for backends left out",
        false,
    ),
    measure("serving-kib", "their private memory (KiB)", true),
];

/// What an operation on a guest costs with either library; the median where it was measured more than once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    pub guest: String,
    pub operation: String,
    /// A [`Measure`]'s name.
    pub measure: String,
    /// `None` where the C library cannot do it.
    pub c: Option<u64>,
    pub ours: u64,
}

/// The most frequent system calls of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calls {
    pub guest: String,
    pub operation: String,
    pub c: String,
    pub ours: String,
}

/// What became of a scenario on both libraries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub scenario: String,
    pub c: String,
    pub ours: String,
    /// How many outputs were compared.
    pub compared: usize,
    pub differ: usize,
    /// What the scenario has to say of it; mostly nothing.
    pub remark: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Run {
    pub costs: Vec<Cost>,
    pub calls: Vec<Calls>,
    pub verdicts: Vec<Verdict>,
}

impl Run {
    /// What the run in `last` measured and saw.
    pub fn of(last: &Path) -> Result<Self, String> {
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let results = last.join("results");
        let measured = results.join("costs.ours");
        Ok(Self {
            costs: costs(&read(&measured.join("costs"))?)?,
            calls: calls(&read(&measured.join("calls"))?)?,
            verdicts: verdicts(&results, &read(&last.join("job.log"))?),
        })
    }

    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |fields: &[&str]| {
            let _ = writeln!(text, "{}", fields.join("\t"));
        };
        for cost in &self.costs {
            let c = cost.c.map_or("-".to_owned(), |value| value.to_string());
            line(&[
                "cost",
                &cost.guest,
                &cost.operation,
                &cost.measure,
                &c,
                &cost.ours.to_string(),
            ]);
        }
        for calls in &self.calls {
            line(&[
                "calls",
                &calls.guest,
                &calls.operation,
                &calls.c,
                &calls.ours,
            ]);
        }
        for verdict in &self.verdicts {
            let (compared, differ) = (verdict.compared.to_string(), verdict.differ.to_string());
            line(&[
                "scenario",
                &verdict.scenario,
                &verdict.c,
                &verdict.ours,
                &compared,
                &differ,
                &verdict.remark,
            ]);
        }
        text
    }

    /// The reverse of [`Run::to_text`].
    pub fn from_text(text: &str) -> Result<Self, String> {
        let mut run = Self::default();
        for line in text.lines() {
            let wrong = || format!("not understood: {line}");
            let number = |text: &str| text.parse().map_err(|_| wrong());
            let fields: Vec<_> = line.split('\t').collect();
            match fields[..] {
                ["cost", guest, operation, measure, c, ours] => run.costs.push(Cost {
                    guest: guest.into(),
                    operation: operation.into(),
                    measure: measure.into(),
                    c: (c != "-").then(|| number(c)).transpose()?,
                    ours: number(ours)?,
                }),
                ["calls", guest, operation, c, ours] => run.calls.push(Calls {
                    guest: guest.into(),
                    operation: operation.into(),
                    c: c.into(),
                    ours: ours.into(),
                }),
                ["scenario", scenario, c, ours, compared, differ, remark] => {
                    run.verdicts.push(Verdict {
                        scenario: scenario.into(),
                        c: c.into(),
                        ours: ours.into(),
                        compared: compared.parse().map_err(|_| wrong())?,
                        differ: differ.parse().map_err(|_| wrong())?,
                        remark: remark.into(),
                    })
                }
                _ => return Err(wrong()),
            }
        }
        Ok(run)
    }
}

type Key = (String, String);
/// By guest and operation in the order of the file; then by measure and library.
type Values = Vec<(Key, BTreeMap<(String, String), Vec<u64>>)>;

/// Lines of "guest operation measure library value".
fn values(text: &str) -> Result<Values, String> {
    let mut found = Values::new();
    for line in text.lines() {
        let fields: Vec<_> = line.split(' ').collect();
        let [guest, operation, measure, library, value] = fields[..] else {
            return Err(format!("not a cost: {line}"));
        };
        let value = value.parse().map_err(|_| format!("no number: {line}"))?;
        let key = (guest.to_owned(), operation.to_owned());
        let at = found
            .iter()
            .position(|(known, _)| *known == key)
            .unwrap_or_else(|| {
                found.push((key, BTreeMap::new()));
                found.len() - 1
            });
        let measured = found[at].1.entry((measure.to_owned(), library.to_owned()));
        measured.or_default().push(value);
    }
    Ok(found)
}

fn costs(text: &str) -> Result<Vec<Cost>, String> {
    let mut costs = Vec::new();
    for ((guest, operation), measured) in values(text)? {
        let median = |measure: &Measure, library: &str| {
            let mut values = measured
                .get(&(measure.name.into(), library.into()))?
                .clone();
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        };
        costs.extend(MEASURES.iter().filter_map(|measure| {
            Some(Cost {
                guest: guest.clone(),
                operation: operation.clone(),
                measure: measure.name.to_owned(),
                c: median(measure, "c"),
                ours: median(measure, "ours")?,
            })
        }));
    }
    Ok(costs)
}

/// The dozen most frequent.
fn calls(text: &str) -> Result<Vec<Calls>, String> {
    let kinds = |measured: &BTreeMap<(String, String), Vec<u64>>, library: &str| {
        let of_library = measured.iter().filter(|((_, of), _)| of == library);
        let mut counted: Vec<_> = of_library
            .map(|((call, _), counts)| (counts.iter().sum::<u64>(), call))
            .collect();
        counted.sort_unstable_by(|one, other| other.cmp(one));
        let words = counted
            .iter()
            .take(12)
            .map(|(count, call)| format!("{call} {count}"));
        words.collect::<Vec<_>>().join(", ")
    };
    let rows = values(text)?
        .into_iter()
        .map(|((guest, operation), measured)| Calls {
            guest,
            operation,
            c: kinds(&measured, "c"),
            ours: kinds(&measured, "ours"),
        });
    Ok(rows.collect())
}

/// Verdicts from the job's lines, "PASS hvm on ours (12.3 s)", and what was compared.
fn verdicts(results: &Path, job: &str) -> Vec<Verdict> {
    let mut found: BTreeMap<&str, [&str; 2]> = BTreeMap::new();
    for line in job.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let [
            verdict @ ("PASS" | "FAIL" | "SKIP"),
            ..,
            name,
            "on",
            library,
            _,
            "s)",
        ] = words[..]
        else {
            continue;
        };
        let side = usize::from(library == "ours");
        found.entry(name).or_insert(["-"; 2])[side] = verdict;
    }
    found.remove("costs");
    let rows = found.into_iter().map(|(name, [c, ours])| {
        let of = |library: &str| results.join(format!("{name}.{library}"));
        let count = |library: &str| records(&of(library)).unwrap_or(0);
        let difference = fs::read_to_string(results.join(format!("{name}.difference")));
        let remark = fs::read_to_string(of("c").join("remark")).unwrap_or_default();
        Verdict {
            scenario: name.to_owned(),
            c: c.to_owned(),
            ours: ours.to_owned(),
            compared: count("c").min(count("ours")),
            differ: difference.unwrap_or_default().lines().count(),
            remark: remark.split_whitespace().collect::<Vec<_>>().join(" "),
        }
    });
    rows.collect()
}

fn records(of_scenario: &Path) -> io::Result<usize> {
    Ok(fs::read_dir(of_scenario.join("record"))?.count())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn cost(guest: &str, measure: &str, c: Option<u64>, ours: u64) -> Cost {
        Cost {
            guest: guest.into(),
            operation: "create".into(),
            measure: measure.into(),
            c,
            ours,
        }
    }

    #[test]
    fn medians_of_both_libraries() {
        let text = "hvm create ms c 30\nhvm create ms c 10\nhvm create ms c 20\nhvm create ms ours 10\nstubdom create ms ours 7\n";
        let expected = [
            cost("hvm", "ms", Some(20), 10),
            cost("stubdom", "ms", None, 7),
        ];
        assert_eq!(costs(text).unwrap(), expected);
        assert!(costs("nonsense").is_err());
        assert!(costs("hvm create ms c x").is_err());
    }

    #[test]
    fn system_calls_by_kind() {
        let text = "hvm create read c 3\nhvm create poll c 5\nhvm create read ours 1\n";
        let found = calls(text).unwrap();
        assert_eq!(
            (&*found[0].c, &*found[0].ours),
            ("poll 5, read 3", "read 1")
        );
    }

    #[test]
    fn verdicts_are_read_with_what_was_compared() {
        let folder = tempfile::tempdir().unwrap();
        for library in ["c", "ours"] {
            let records = folder.path().join(format!("hvm.{library}/record"));
            fs::create_dir_all(&records).unwrap();
            fs::write(records.join("tree"), "").unwrap();
        }
        fs::write(folder.path().join("hvm.difference"), "< 1\n> 2\n").unwrap();
        fs::write(folder.path().join("hvm.c/remark"), "it\tdoes\nnot start\n").unwrap();
        let text = "PASS hvm on c (11.8 s)\nPASS hvm on ours (11.1 s)\nSKIP (no image) stubdom on c (0.1 s)\n    FAIL x\n\
                    PASS costs on ours (1.0 s)\n";
        let [hvm, stubdom] = &verdicts(folder.path(), text)[..] else {
            panic!("not two");
        };
        assert_eq!(
            (hvm.compared, hvm.differ, &*hvm.remark),
            (1, 2, "it does not start")
        );
        assert_eq!(
            (&*stubdom.c, &*stubdom.ours, stubdom.compared),
            ("SKIP", "-", 0)
        );
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let run = Run {
            costs: vec![cost("pv", "ms", Some(3), 2), cost("stubdom", "ms", None, 4)],
            calls: calls("hvm create read c 3\nhvm create read ours 1\n").unwrap(),
            verdicts: verdicts(Path::new("/nowhere"), "PASS hvm on c (1.0 s)\n"),
        };
        assert_eq!(Run::from_text(&run.to_text()).unwrap(), run);
        for wrong in [
            "cost\tpv",
            "cost\tpv\tcreate\tms\tx\t1",
            "scenario\ta\tb\tc\t-1\t0\t",
        ] {
            assert!(Run::from_text(wrong).is_err(), "{wrong}");
        }
    }
}
