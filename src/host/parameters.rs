//! Changing the hypervisor's boot parameters while it runs, through its file system of parameters.

use crate::sys::hypfs::Hypfs;
use crate::xen::Xen;
use crate::{Error, Result};

/// Sets parameters, written as on the hypervisor's command line: `name=value`, `no-name` or `noname`, separated by blanks.
pub fn set(xen: &Xen, parameters: &str) -> Result<()> {
    let assignments = parse(parameters)?;
    let hypfs = Hypfs::open(xen.logger())
        .map_err(|error| Error::io("opening the hypervisor's file system", &error))?;
    for (path, value) in assignments {
        hypfs.write(&path, &value).map_err(|error| {
            Error::io(format!("setting {path} to \"{value}\""), &error)
                .hint("not every parameter can be changed while Xen runs")
        })?;
    }
    Ok(())
}

/// Paths and values. A name alone is a switch, which goes off with "no" in front and cannot be switched on this way.
fn parse(parameters: &str) -> Result<Vec<(String, String)>> {
    parameters
        .split([' ', '\t'])
        .filter(|part| !part.is_empty())
        .map(
            |part| match (part.split_once('='), part.strip_prefix("no")) {
                (Some((name, value)), _) => Ok((path(name), value.to_owned())),
                (None, Some(name)) => Ok((path(name), "no".to_owned())),
                (None, None) => Err(Error::inval(format!("parameter \"{part}\" has no value"))
                    .hint("write name=value")),
            },
        )
        .collect()
}

fn path(name: &str) -> String {
    format!("/params/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_and_switches() {
        let parsed = parse("  ept=exec-sp=0 noxpti\tdom0=").unwrap();
        let expected = [
            ("/params/ept", "exec-sp=0"),
            ("/params/xpti", "no"),
            ("/params/dom0", ""),
        ];
        let expected = expected.map(|(path, value)| (path.to_owned(), value.to_owned()));
        assert_eq!(parsed, expected);
        assert!(parse("").unwrap().is_empty());
        assert!(parse("pcid").is_err());
    }
}
