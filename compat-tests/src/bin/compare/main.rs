//! What `make compare` measured and saw goes to docs/compare/RELEASE.tsv and its plots; docs/compare.md is made of all releases':
//! `compare LAST_RUN DOCS`, where LAST_RUN is build/testbed/last, of a run of the scenario costs and of others on both libraries.

mod page;
mod plot;
mod run;

use std::path::Path;
use std::{env, fs};

use run::{MEASURES, Run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [last, docs] = &arguments[..] else {
        return Err("usage: compare LAST_RUN DOCS".into());
    };
    let (docs, kept) = (Path::new(docs), Path::new(docs).join("compare"));
    let release = xenlight_compat_tests::release().version.to_string();
    let run = Run::of(Path::new(last))?;
    fs::create_dir_all(&kept)?;
    fs::write(kept.join(format!("{release}.tsv")), run.to_text())?;
    for measure in MEASURES.iter().filter(|measure| measure.plotted) {
        let file = kept.join(page::plot_name(&release, measure));
        fs::write(file, plot::bars(&run, measure))?;
    }

    let mut runs = Vec::new();
    for entry in fs::read_dir(&kept)? {
        let path = entry?.path();
        let Some(release) = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".tsv"))
        else {
            continue;
        };
        let run = Run::from_text(&fs::read_to_string(&path)?)?;
        runs.push((release.to_owned(), run));
    }
    runs.sort_by(|(one, _), (other, _)| one.cmp(other));
    let page = docs.join("compare.md");
    fs::write(&page, page::page(&runs))?;
    println!("{}", page.display());
    Ok(())
}
