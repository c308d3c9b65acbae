//! Locks between processes.

use super::*;

#[test]
fn file_lock_excludes_and_leaves_nothing() {
    let bench = Bench::new();
    let dir = std::env::temp_dir().join(format!("xenlight-lock-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("lock");
    let inside = AtomicU32::new(0);
    bench
        .ctx
        .block_on(async |op: &Op| {
            let work = async |_: u32| {
                for _ in 0..5 {
                    let lock = FileLock::acquire(op, &path).await?;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    op.sleep(MS).await?;
                    inside.fetch_sub(1, Ordering::SeqCst);
                    drop(lock);
                }
                Ok::<_, Error>(())
            };
            for result in op.join((0..4).map(work).collect()).await {
                result?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
    std::fs::remove_dir(&dir).unwrap();
}

#[test]
fn a_lasting_lock_excludes_those_who_do_not_look_at_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lock");
    let ours = FileLock::try_acquire_as(&path, false).unwrap().unwrap();
    let (tell, hear) = std::sync::mpsc::channel();
    let (release, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn({
        let path = path.clone();
        move || {
            let file = std::fs::File::open(&path).unwrap();
            tell.send("opened").unwrap();
            rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
            tell.send("locked").unwrap();
            wait.recv().unwrap();
        }
    });
    assert_eq!(hear.recv().unwrap(), "opened");
    drop(ours);
    assert_eq!(hear.recv().unwrap(), "locked");
    assert!(FileLock::try_acquire_as(&path, false).unwrap().is_none());
    release.send(()).unwrap();
    other.join().unwrap();
    assert!(FileLock::try_acquire_as(&path, false).unwrap().is_some());
    assert!(path.exists());
}
