//! A xenstore in memory for tests: applies batches with the daemon's rules for missing parents and inherited
//! permissions, and prints like `xenstore-ls -fp`.

use std::collections::BTreeMap;

use crate::store::{Batch, Change, Perms, layout};

/// All nodes by path.
pub(super) struct Tree(BTreeMap<String, (String, Perms)>);

impl Tree {
    /// A store with just the root, dom0's.
    pub(super) fn new() -> Self {
        let root = ("/".to_owned(), (String::new(), Perms::owner_only(0)));
        Self(BTreeMap::from([root]))
    }

    /// Makes a node with its own permissions, as domain creation does before the devices come.
    pub(super) fn with(mut self, path: &str, perms: Perms) -> Self {
        self.make(path);
        self.node(path).1 = perms;
        self
    }

    pub(super) fn apply(&mut self, batch: &Batch) {
        for change in batch.changes() {
            match change {
                Change::Write { path, value } => {
                    self.make(path);
                    self.node(path).0 = String::from_utf8(value.clone()).unwrap();
                }
                Change::Mkdir { path } => self.make(path),
                Change::Rm { path } => {
                    let below = format!("{path}/");
                    self.0
                        .retain(|node, _| node != path && !node.starts_with(&below));
                }
                Change::Perms { path, perms } => self.node(path).1 = perms.clone(),
            }
        }
    }

    /// The lines of the directories `prefixes` and all nodes below.
    pub(super) fn lines(&self, prefixes: &[&str]) -> Vec<String> {
        let within = |path: &str, prefix: &str| {
            let rest = path.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let nodes = self
            .0
            .iter()
            .filter(|(path, _)| prefixes.iter().any(|prefix| within(path, prefix)));
        let lines = nodes.map(|(path, (value, perms))| format!("{path} = \"{value}\"   ({perms})"));
        lines.collect()
    }

    fn make(&mut self, path: &str) {
        if self.0.contains_key(path) {
            return;
        }
        let parent = layout::parent(path).expect("the root is there").to_owned();
        self.make(&parent);
        let perms = self.node(&parent).1.clone();
        self.0.insert(path.to_owned(), (String::new(), perms));
    }

    fn node(&mut self, path: &str) -> &mut (String, Perms) {
        self.0
            .get_mut(path)
            .unwrap_or_else(|| panic!("no node {path}"))
    }
}
