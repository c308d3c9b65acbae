//! Giving a domain another name; and setting a crashed one aside so that its successor can take its place.

use super::query;
use crate::engine::Op;
use crate::store::{Perms, Tx, layout};
use crate::types::Uuid;
use crate::{DOM0, Domid, Error, Result, dm};

/// Renames `domid`, and its stub domain with it. With `old`, which need not be UTF-8, only if that is its name now.
pub async fn rename(op: &Op, domid: Domid, old: Option<&[u8]>, new: &str) -> Result<()> {
    let names = Names::read(op, domid, old, new).await?;
    op.store()?
        .transaction(|tx| {
            let names = &names;
            async move { names.apply(&tx).await }
        })
        .await
}

/// Sets `domid` aside: it becomes NAME + `suffix` with the VM node of `uuid`, so that name and UUID are free again.
pub async fn preserve(op: &Op, domid: Domid, name: &str, suffix: &str, uuid: Uuid) -> Result<()> {
    let new = format!("{name}{suffix}");
    let names = Names::read(op, domid, Some(name.as_bytes()), &new).await?;
    let vm = layout::vm(uuid);
    op.store()?
        .transaction(|tx| {
            let (names, vm, new) = (&names, &vm, &new);
            async move {
                tx.rm(vm).await?;
                tx.mkdir(vm).await?;
                tx.set_perms(vm, &Perms::owner_read(DOM0, domid)).await?;
                tx.write(&layout::vm_link(domid), vm).await?;
                names.apply(&tx).await?;
                tx.write(&format!("{vm}/name"), new).await?;
                tx.write(&format!("{vm}/uuid"), uuid.to_string()).await
            }
        })
        .await
}

/// The renaming of a domain and of the stub domain that carries its name.
struct Names {
    changes: Vec<Change>,
    /// Everybody else's number: their names must differ.
    others: Vec<Domid>,
}

struct Change {
    domid: Domid,
    /// The UUID by which Xen knows the domain.
    uuid: Uuid,
    old: Option<Vec<u8>>,
    new: String,
}

impl Names {
    async fn read(op: &Op, domid: Domid, old: Option<&[u8]>, new: &str) -> Result<Self> {
        let change = |domid: Domid, ending: &str| -> Result<Change> {
            Ok(Change {
                domid,
                uuid: query::info(op.xen()?, domid)?.uuid,
                old: old.map(|old| [old, ending.as_bytes()].concat()),
                new: format!("{new}{ending}"),
            })
        };
        let mut changes = vec![change(domid, "")?];
        if let Some(stub) = dm::stubdom_of(op, domid).await? {
            changes.push(change(stub, "-dm")?);
        }
        let others = op.xen()?.domain_list()?;
        let others = others.iter().map(|info| info.domid).collect();
        Ok(Self { changes, others })
    }

    async fn apply(&self, tx: &Tx) -> Result<()> {
        for change in &self.changes {
            ensure_free(tx, change.domid, &change.new, &self.others).await?;
            let path = layout::name(change.domid);
            if let Some(old) = &change.old {
                let now = tx.read(&path).await?;
                if now.as_ref() != Some(old) {
                    let (old, now) = (shown(old), shown(&now.unwrap_or_default()));
                    let what = format!("the domain is not called {old:?} but {now:?}");
                    return Err(Error::fail(what).domain(change.domid));
                }
            }
            tx.write(&path, &change.new).await?;
            tx.write(&layout::vm_sub(change.uuid, "name"), &change.new)
                .await?;
        }
        Ok(())
    }
}

fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// `ERROR_INVAL` when one of `others` has the name `name` already; an empty name may occur any number of times.
pub(super) async fn ensure_free(tx: &Tx, domid: Domid, name: &str, others: &[Domid]) -> Result<()> {
    if name.is_empty() {
        return Ok(());
    }
    for &other in others.iter().filter(|&&other| other != domid) {
        if tx.holds(&layout::name(other), name).await? {
            return Err(Error::inval(format!(
                "Domain with name {name:?} already exists: it is domain {other}"
            ))
            .domain(domid)
            .hint("choose another name=, or destroy that domain"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;
    use crate::engine::testing::Bench;

    #[test]
    fn names_are_unique_but_for_the_empty_one() {
        let bench = Bench::new();
        bench.store.set("/local/domain/5/name", "web");
        bench.store.set("/local/domain/6/name", "");
        let check = |domid, name: &'static str| {
            bench.ctx.block_on(async |op| {
                let free = |tx: Tx| async move { ensure_free(&tx, domid, name, &[0, 5, 6]).await };
                op.store()?.transaction(free).await
            })
        };
        check(7, "db").expect("free");
        check(7, "").expect("no name is no clash");
        check(5, "web").expect("its own name");
        // Somebody wrote Latin-1.
        bench.store.set("/local/domain/5/name", b"caf\xe9");
        check(7, "web").expect("the bytes differ");
        bench.store.set("/local/domain/5/name", "web");
        let error = check(7, "web").expect_err("taken");
        assert_eq!(error.code(), Code::Inval);
        assert!(error.to_string().contains("domain 5"), "{error}");
    }

    #[test]
    fn a_name_that_is_no_text_can_be_changed() {
        let bench = Bench::new();
        bench.store.set("/local/domain/5/name", b"caf\xe9");
        let names = Names {
            changes: vec![Change {
                domid: 5,
                uuid: Uuid([1; 16]),
                old: Some(b"caf\xe9".to_vec()),
                new: "tea".into(),
            }],
            others: vec![5],
        };
        let renamed = bench.ctx.block_on(async |op| {
            let names = &names;
            let work = |tx: Tx| async move { names.apply(&tx).await };
            op.store()?.transaction(work).await
        });
        renamed.expect("renamed");
        assert_eq!(bench.store.get("/local/domain/5/name").unwrap(), b"tea");
    }

    #[test]
    fn a_stub_domain_follows_its_guest() {
        let bench = Bench::new();
        let (guest, stub) = (Uuid([1; 16]), Uuid([2; 16]));
        bench.store.set("/local/domain/5/name", "web");
        bench.store.set("/local/domain/6/name", "web-dm");
        let change = |domid, uuid, old: &str, new: &str| Change {
            domid,
            uuid,
            old: Some(old.into()),
            new: new.into(),
        };
        let names = Names {
            changes: vec![
                change(5, guest, "web", "old"),
                change(6, stub, "web-dm", "old-dm"),
            ],
            others: vec![5, 6],
        };
        let apply = || {
            bench.ctx.block_on(async |op| {
                let names = &names;
                let work = |tx: Tx| async move { names.apply(&tx).await };
                op.store()?.transaction(work).await
            })
        };
        apply().expect("renamed");
        let value = |path: &str| bench.store.get(path).unwrap_or_default();
        assert_eq!(value("/local/domain/6/name"), b"old-dm");
        assert_eq!(value(&layout::vm_sub(guest, "name")), b"old");
        let error = apply().expect_err("the old name is gone");
        assert!(error.to_string().contains("but \"old\""), "{error}");
        assert_eq!(value("/local/domain/5/name"), b"old");
    }
}
