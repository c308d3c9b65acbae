//! A crate's files, and which of them use which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::module::{Module, Names};

/// How often a name may be handed on.
const PATIENCE: usize = 16;

#[derive(Default)]
pub struct Tree {
    src: PathBuf,
    /// The file of each module, below `src`.
    files: BTreeMap<Names, String>,
    /// By the file that uses it.
    uses: Vec<(String, BTreeSet<Names>)>,
    handed_on: BTreeMap<(Names, String), Names>,
}

/// One file's use of another one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub from: String,
    pub to: String,
}

impl Tree {
    /// Reads the crate whose `lib.rs` is in `src`.
    pub fn read(src: &Path) -> Result<Self, String> {
        let mut tree = Self {
            src: src.to_owned(),
            ..Self::default()
        };
        tree.file(&src.join("lib.rs"), src, &[])?;
        Ok(tree)
    }

    /// Reads the file of the module `path`, whose submodules are in `folder`.
    fn file(&mut self, file: &Path, folder: &Path, path: &[String]) -> Result<(), String> {
        let module = Module::read(&crate::read(file)?, path)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let shown = file.strip_prefix(&self.src).unwrap_or(file);
        let shown = shown.display().to_string();
        for inside in module.inside.into_iter().chain([path.to_vec()]) {
            self.files.insert(inside, shown.clone());
        }
        for name in module.macros {
            let named = [path, std::slice::from_ref(&name)].concat();
            self.handed_on.insert((Vec::new(), name), named);
        }
        self.handed_on.extend(module.handed_on);
        self.uses.push((shown, module.uses));
        for (path, from_here) in module.below {
            let base = folder.join(from_here.join("/"));
            let alone = base.with_extension("rs");
            match alone.exists() {
                true => self.file(&alone, &base, &path)?,
                false => self.file(&base.join("mod.rs"), &base, &path)?,
            }
        }
        Ok(())
    }

    /// The file that has what `path` names, if it is the crate's.
    fn file_of(&self, path: &[String]) -> Option<&str> {
        let mut path = path.to_vec();
        for _ in 0..PATIENCE {
            let module = (0..=path.len())
                .rev()
                .map(|length| &path[..length])
                .find(|module| self.files.contains_key(*module))?;
            let Some(name) = path.get(module.len()) else {
                return self.files.get(module).map(String::as_str);
            };
            match self.handed_on.get(&(module.to_vec(), name.clone())) {
                // What another layer hands on, it answers for.
                Some(real)
                    if *real != path && (module.is_empty() || real.first() == module.first()) =>
                {
                    path = [real, &path[module.len() + 1..]].concat();
                }
                _ => return self.files.get(module).map(String::as_str),
            }
        }
        None
    }

    /// All uses of one file by another.
    pub fn uses(&self) -> BTreeSet<Use> {
        let mut uses = BTreeSet::new();
        for (from, paths) in &self.uses {
            let files = paths.iter().filter_map(|path| self.file_of(path));
            uses.extend(files.filter(|to| to != from).map(|to| Use {
                from: from.clone(),
                to: to.to_owned(),
            }));
        }
        uses
    }

    /// What stands directly in `src`.
    pub fn layers(&self) -> BTreeSet<String> {
        let tops = self.files.keys().filter(|path| path.len() == 1);
        tops.map(|path| path[0].clone()).collect()
    }
}
