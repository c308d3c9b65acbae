//! Changes to the store as plain data, to be looked at in tests and applied in one transaction.

use super::Perms;

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Sets a node's value, making the node (and missing parents) if needed.
    Write {
        /// Absolute path.
        path: String,
        /// Any bytes but with a bounded length (4096 bytes with path).
        value: Vec<u8>,
    },
    /// Makes a node with an empty value if it is not there.
    Mkdir {
        /// Absolute path.
        path: String,
    },
    /// Removes a node and everything below; fine when it is not there.
    Rm {
        /// Absolute path.
        path: String,
    },
    /// Sets the permissions of a node that is there.
    Perms {
        /// Absolute path.
        path: String,
        /// The node's new permissions.
        perms: Perms,
    },
}

/// Changes in the order in which they are made; all of them or none become visible.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch(Vec<Change>);

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a node's value; permissions of a new node are inherited from its parent.
    pub fn write(&mut self, path: impl Into<String>, value: impl AsRef<[u8]>) -> &mut Self {
        self.0.push(Change::Write {
            path: path.into(),
            value: value.as_ref().to_vec(),
        });
        self
    }

    /// Makes a node.
    pub fn mkdir(&mut self, path: impl Into<String>) -> &mut Self {
        self.0.push(Change::Mkdir { path: path.into() });
        self
    }

    /// Removes a node and everything below.
    pub fn rm(&mut self, path: impl Into<String>) -> &mut Self {
        self.0.push(Change::Rm { path: path.into() });
        self
    }

    /// Sets a node's permissions.
    pub fn perms(&mut self, path: impl Into<String>, perms: &Perms) -> &mut Self {
        self.0.push(Change::Perms {
            path: path.into(),
            perms: perms.clone(),
        });
        self
    }

    /// Sets value and permissions.
    pub fn write_perms(
        &mut self,
        path: impl Into<String>,
        value: impl AsRef<[u8]>,
        perms: &Perms,
    ) -> &mut Self {
        let path = path.into();
        self.write(path.clone(), value).perms(path, perms)
    }

    /// Makes a node with permissions.
    pub fn mkdir_perms(&mut self, path: impl Into<String>, perms: &Perms) -> &mut Self {
        let path = path.into();
        self.mkdir(path.clone()).perms(path, perms)
    }

    /// Adds all changes of `other` at the end.
    pub fn extend(&mut self, other: Batch) -> &mut Self {
        self.0.extend(other.0);
        self
    }

    /// The changes in order.
    pub fn changes(&self) -> &[Change] {
        &self.0
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order() {
        let mut batch = Batch::new();
        batch
            .rm("/a")
            .mkdir_perms("/a", &Perms::owner_only(1))
            .write("/a/b", "x");
        let kinds: Vec<_> = batch.changes().iter().map(std::mem::discriminant).collect();
        assert_eq!(batch.changes().len(), 4);
        assert_eq!(batch.changes()[0], Change::Rm { path: "/a".into() });
        assert_ne!(kinds[1], kinds[2]);
        assert!(matches!(&batch.changes()[3], Change::Write { value, .. } if value == b"x"));
    }
}
