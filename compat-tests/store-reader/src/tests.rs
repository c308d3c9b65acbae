use std::collections::BTreeMap;

use super::*;

/// Nodes by path: a value, or the error that reading it gives.
struct Store(BTreeMap<&'static str, Result<&'static str, ErrorKind>>);

impl Xs for Store {
    fn directory(&self, path: &str) -> io::Result<Vec<Box<str>>> {
        let above = path.trim_end_matches('/');
        let below = |node: &&'static str| node.strip_prefix(above)?.strip_prefix('/');
        let names = self.0.keys().filter_map(below);
        let children = names.filter(|name| !name.is_empty() && !name.contains('/'));
        Ok(children.map(Box::from).collect())
    }

    fn read(&self, path: &str) -> io::Result<Box<str>> {
        match self.0.get(path) {
            Some(Ok(value)) => Ok((*value).into()),
            Some(Err(kind)) => Err((*kind).into()),
            None => Err(ErrorKind::NotFound.into()),
        }
    }

    fn write(&self, _: &str, _: &str) -> io::Result<()> {
        unreachable!("it only reads")
    }

    fn rm(&self, _: &str) -> io::Result<()> {
        unreachable!("it only reads")
    }
}

fn printed(
    nodes: &[(&'static str, Result<&'static str, ErrorKind>)],
    told: &str,
) -> Result<String, String> {
    let root = [("/", Ok(""))];
    let store = Store(root.iter().chain(nodes).copied().collect());
    let told = parse(told).map_err(|error| error.to_string())?;
    let lines = tree(&store, &told).map_err(|error| error.to_string())?;
    Ok(lines.join("\n"))
}

#[test]
fn each_node_has_a_line_in_order() {
    let nodes = [
        ("/a", Ok("")),
        ("/a/c", Ok("2")),
        ("/a/b", Ok("1")),
        ("/a-b", Ok("3")),
    ];
    let told = "/ 0 (n0)\n/a 0 (n0)\n/a/b 1 (n0,r5)\n/a/c 1 (b7)\n/a-b 1 (n0)\n";
    assert_eq!(
        printed(&nodes, told).expect("a tree"),
        "/a = \"\"   (n0)\n/a-b = \"3\"   (n0)\n/a/b = \"1\"   (n0,r5)\n/a/c = \"2\"   (b7)"
    );
}

#[test]
fn what_stays_by_itself_is_left_out() {
    let nodes = [
        ("/libxl", Ok("")),
        ("/libxl/5", Ok("")),
        ("/local", Ok("")),
        ("/local/domain", Ok("")),
        ("/local/domain/0", Ok("")),
        ("/local/domain/0/memory", Ok("")),
        ("/local/domain/0/memory/target", Ok("1")),
        ("/vm", Ok("")),
    ];
    let told = "/libxl/5 0 (n0)\n/local 0 (n0)\n/local/domain 0 (n0)\n/local/domain/0 0 (n0)\n";
    let text = printed(&nodes, told).expect("a tree");
    let paths: Vec<_> = text
        .lines()
        .map(|line| line.split(' ').next().expect("a path"))
        .collect();
    assert_eq!(
        paths,
        ["/libxl/5", "/local", "/local/domain", "/local/domain/0"]
    );
}

#[test]
fn values_cannot_fool_a_reader() {
    let nodes = [
        ("/a", Ok("b\\c\n\u{9b}31m\"")),
        ("/nul", Ok("running")),
        ("/plain", Ok("running")),
        ("/latin", Err(ErrorKind::InvalidData)),
    ];
    let told = "/a 10 (n0)\n/nul 8 (n0)\n/plain 7 (n0)\n/latin 4 (n0)\n";
    assert_eq!(
        printed(&nodes, told).expect("a tree"),
        "/a = \"b\\134c\\012\\302\\23331m\"\"   (n0)\n/latin = bytes that are no text   (n0)\n\
         /nul = \"running\\000\"   (n0)\n/plain = \"running\"   (n0)"
    );
}

/// Nodes come and go between the two readers.
#[test]
fn a_node_that_only_one_has_seen() {
    let nodes = [("/gone", Err(ErrorKind::NotFound)), ("/new", Ok("1"))];
    let text = printed(&nodes, "/gone 3 (n0)\n/never 3 (n0)\n").expect("a tree");
    assert_eq!(text, "/new = \"1\"   (?)");
}

/// Half a tree would look like one from which something is gone.
#[test]
fn half_a_tree_is_none() {
    let nodes = [("/a", Err(ErrorKind::PermissionDenied)), ("/b", Ok(""))];
    let error = printed(&nodes, "").expect_err("not readable");
    assert!(error.starts_with("read /a: "), "{error}");
    for wrong in [
        "/a",
        "/a 1",
        "/a x (n0)",
        "/a 1 n0",
        "/a 1 (n0) x",
        "/a  (n0)",
    ] {
        assert!(printed(&[], wrong).is_err(), "{wrong}");
    }
}
