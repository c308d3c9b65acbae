//! Makes docs/compare.md and its plots from a test bed run of all scenarios on both libraries and of compare/costs:
//! `compare LAST_RUN DOCS`, where LAST_RUN is build/testbed/last.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

/// Rows of the table of costs: name in the file, heading, whether a plot shows it.
const MEASURES: [(&str, &str, bool); 14] = [
    ("ms", "wall time (ms)", true),
    ("built-ms", "of it until the guest is built", false),
    (
        "scripts-ms",
        "then until its disk's script has run and the stub domain is built",
        false,
    ),
    (
        "devices-ms",
        "then until the stub domain's disk and consoles are served",
        false,
    ),
    ("boot-ms", "then until QEMU runs in the stub domain", false),
    ("syscalls", "system calls", true),
    ("store-requests", "store requests", true),
    ("hypercalls", "hypercalls", false),
    ("own-processes", "processes started by the library", false),
    (
        "tasks",
        "processes and threads started in dom0, scripts and QEMU included",
        false,
    ),
    ("kept-kib", "memory that the waiting xl keeps (KiB)", true),
    (
        "resident-kib",
        "the same with what it uses of its libraries (KiB)",
        false,
    ),
    (
        "serving",
        "processes that serve guests in dom0, its own QEMU for backends left out",
        false,
    ),
    ("serving-kib", "their private memory (KiB)", true),
];

/// (guest, operation) in the order of the file, and for each (measure, library) the values.
#[derive(Default)]
struct Costs {
    rows: Vec<(String, String)>,
    values: BTreeMap<(usize, String, String), Vec<u64>>,
}

impl Costs {
    fn read(text: &str) -> Result<Self, String> {
        let mut costs = Self::default();
        for line in text.lines() {
            let fields: Vec<_> = line.split(' ').collect();
            let [guest, operation, measure, library, value] = fields[..] else {
                return Err(format!("not a cost: {line}"));
            };
            let row = (guest.to_owned(), operation.to_owned());
            let at = costs.rows.iter().position(|known| *known == row);
            let at = at.unwrap_or_else(|| {
                costs.rows.push(row);
                costs.rows.len() - 1
            });
            let value = value.parse().map_err(|_| format!("no number: {line}"))?;
            let key = (at, measure.to_owned(), library.to_owned());
            costs.values.entry(key).or_default().push(value);
        }
        Ok(costs)
    }

    /// The median on each library, where it was measured.
    fn pair(&self, row: usize, measure: &str) -> Option<(u64, u64)> {
        let median = |library: &str| {
            let key = (row, measure.to_owned(), library.to_owned());
            let mut values = self.values.get(&key)?.clone();
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        };
        Some((median("c")?, median("ours")?))
    }

    /// The dozen most frequent kinds, of a file whose measures are system calls.
    fn kinds(&self) -> String {
        let mut text =
            String::from("| guest | operation | C library | this library |\n|---|---|---|---|\n");
        for (at, (guest, operation)) in self.rows.iter().enumerate() {
            let most = |library: &str| {
                let of_library =
                    |(row, _, of): &&(usize, String, String)| *row == at && of == library;
                let mut calls: Vec<_> = self
                    .values
                    .iter()
                    .filter(|(key, _)| of_library(key))
                    .map(|((_, call, _), count)| (count.iter().sum::<u64>(), call))
                    .collect();
                calls.sort_unstable_by(|one, other| other.cmp(one));
                let words = calls
                    .iter()
                    .take(12)
                    .map(|(count, call)| format!("{call} {count}"));
                words.collect::<Vec<_>>().join(", ")
            };
            let _ = writeln!(
                text,
                "| {guest} | {operation} | {} | {} |",
                most("c"),
                most("ours")
            );
        }
        text
    }

    fn table(&self) -> String {
        let mut text = String::from(
            "| guest | operation | measure | C library | this library | ratio |\n|---|---|---|---:|---:|---:|\n",
        );
        for (at, (guest, operation)) in self.rows.iter().enumerate() {
            for (measure, heading, _) in MEASURES {
                let Some((c, ours)) = self.pair(at, measure) else {
                    continue;
                };
                let _ = writeln!(
                    text,
                    "| {guest} | {operation} | {heading} | {c} | {ours} | {} |",
                    ratio(c, ours)
                );
            }
        }
        text
    }

    /// Horizontal bars, two for each row that has the measure.
    fn plot(&self, measure: &str, heading: &str) -> String {
        const LEFT: u64 = 150;
        const WIDTH: u64 = 420;
        let rows: Vec<_> = (0..self.rows.len())
            .filter_map(|at| Some((at, self.pair(at, measure)?)))
            .collect();
        let largest = rows.iter().map(|(_, (c, ours))| *c.max(ours)).max();
        let largest = largest.unwrap_or(1).max(1);
        let height = 50 + 40 * rows.len();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"680\" height=\"{height}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"680\" height=\"{height}\" fill=\"white\"/>\n\
             <text x=\"10\" y=\"20\" font-size=\"14\">{heading}: C library (grey), this library (blue)</text>\n"
        );
        let mut y = 40;
        for (at, (c, ours)) in rows {
            let (guest, operation) = &self.rows[at];
            let _ = writeln!(
                svg,
                "<text x=\"10\" y=\"{}\">{guest} {operation}</text>",
                y + 18
            );
            for (value, colour) in [(c, "#999999"), (ours, "#2266cc")] {
                let width = (value * WIDTH / largest).max(1);
                let _ = writeln!(
                    svg,
                    "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{width}\" height=\"13\" fill=\"{colour}\"/>\
                     <text x=\"{}\" y=\"{}\">{value}</text>",
                    LEFT + width + 6,
                    y + 11
                );
                y += 15;
            }
            y += 10;
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn ratio(c: u64, ours: u64) -> String {
    match c {
        0 => "-".to_owned(),
        _ => {
            let hundredths = (ours * 100 + c / 2) / c;
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        }
    }
}

/// Verdicts from the job's lines, "PASS hvm on ours (12.3 s)", and what was compared.
fn behaviour(last: &Path, job: &str) -> io::Result<String> {
    let mut verdicts: BTreeMap<&str, [&str; 2]> = BTreeMap::new();
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
        verdicts.entry(name).or_insert(["-"; 2])[side] = verdict;
    }
    let mut text = String::from(
        "| scenario | C library | this library | outputs compared | lines that differ |\n|---|---|---|---:|---:|\n",
    );
    for (name, [c, ours]) in verdicts {
        if name.starts_with("compare/") {
            continue;
        }
        let results = last.join("results");
        let count =
            |library: &str| match fs::read_dir(results.join(format!("{name}.{library}/record"))) {
                Ok(entries) => entries.count(),
                Err(_) => 0,
            };
        let compared = count("c").min(count("ours"));
        let difference =
            fs::read_to_string(results.join(format!("{name}.difference"))).unwrap_or_default();
        let differ = match compared {
            0 => "-".to_owned(),
            _ => difference.lines().count().to_string(),
        };
        let _ = writeln!(text, "| {name} | {c} | {ours} | {compared} | {differ} |");
    }
    Ok(text)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [last, docs] = &arguments[..] else {
        return Err("usage: compare LAST_RUN DOCS".into());
    };
    let (last, docs) = (Path::new(last), Path::new(docs));
    let measured = |file: &str| -> Result<Costs, Box<dyn std::error::Error>> {
        let path = last.join("results/compare/costs.ours").join(file);
        Ok(Costs::read(&fs::read_to_string(path)?)?)
    };
    let (costs, calls) = (measured("costs")?, measured("calls")?);
    let behaviour = behaviour(last, &fs::read_to_string(last.join("job.log"))?)?;
    let mut plots = String::new();
    for (measure, heading, plotted) in MEASURES {
        if plotted {
            let name = format!("compare-{measure}.svg");
            fs::write(docs.join(&name), costs.plot(measure, heading))?;
            let _ = writeln!(plots, "![{heading}]({name})\n");
        }
    }
    let page = format!(
        "# Side by side with the C library\n\n\
         Written by `make compare`: Debian's `libxenlight.so` and this one under the same `xl`, in one boot of Xen under\n\
         QEMU's software CPU. Times are medians of a few, taken in turns, and only their ratio says anything. System calls,\n\
         hypercalls and processes are those of xl and the library, not those of hotplug scripts and QEMU; store requests are all\n\
         that reached xenstored through its socket meanwhile.\n\n\
         ## Costs\n\n{}\n{plots}### System calls by kind, the dozen most frequent\n\n{}\n## Behaviour\n\n\
         Compared are xenstore with permissions, `xl list -l`, HVM parameters, QEMU's arguments and what commands print, once\n\
         numbers that change from run to run have got names. What may differ stands in docs/quirks.md.\n\n{behaviour}",
        costs.table(),
        calls.kinds()
    );
    fs::write(docs.join("compare.md"), page)?;
    println!("{}", docs.join("compare.md").display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ratios() {
        let text =
            "hvm create ms c 30\nhvm create ms c 10\nhvm create ms c 20\nhvm create ms ours 10\n";
        let costs = Costs::read(text).unwrap();
        assert_eq!(costs.pair(0, "ms"), Some((20, 10)));
        assert!(
            costs
                .table()
                .contains("| hvm | create | wall time (ms) | 20 | 10 | 0.50 |")
        );
        assert!(Costs::read("nonsense").is_err());
        let calls = "hvm create read c 3\nhvm create poll c 5\nhvm create read ours 1\n";
        let kinds = Costs::read(calls).unwrap().kinds();
        assert!(
            kinds.contains("| hvm | create | poll 5, read 3 | read 1 |"),
            "{kinds}"
        );
    }

    #[test]
    fn verdicts_are_read() {
        let text = "PASS hvm on c (11.8 s)\nPASS hvm on ours (11.1 s)\nSKIP (no image) stubdom on c (0.1 s)\n    FAIL x\n";
        let table = behaviour(Path::new("/nowhere"), text).unwrap();
        assert!(table.contains("| hvm | PASS | PASS | 0 | - |"), "{table}");
        assert!(table.contains("| stubdom | SKIP | - |"), "{table}");
    }
}
