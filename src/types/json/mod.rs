//! The JSON form of every type: what `libxl_*_to_json` writes and `libxl_*_from_json` reads.
//!
//! A member that holds what `init` sets is left out when writing. Reading starts from what `init` sets; members
//! nobody knows are skipped, members of the wrong sort are errors.

mod builtin;
mod shape;
mod value;

pub use shape::Shape;
pub use value::Value;

pub use crate::sys::yajl::{Status, Writer, Written};
use crate::{Error, Result};

/// A type with a JSON form.
pub trait Json: Sized {
    /// Writes the value.
    fn write_json(&self, out: &mut Writer) -> Written;

    /// Reads a value; errors have the code `Fail` and say which member is wrong.
    fn parse_json(value: &Value) -> Result<Self>;

    /// Whether a member with this value is left out of its object, `init` being what `init` sets.
    fn left_out(&self, init: &Self) -> bool;
}

/// The text of a value, indented by four spaces, with a newline at the end.
pub fn to_json_string<T: Json>(value: &T) -> Result<String> {
    written(&|out| value.write_json(out))
}

fn written(write: &dyn Fn(&mut Writer) -> Written) -> Result<String> {
    let mut out = Writer::new().ok_or_else(|| Error::fail("no memory for writing JSON"))?;
    let text = write(&mut out).and_then(|()| out.text());
    let text = text.map_err(|Status(status)| {
        Error::fail(format!("cannot write JSON: status {status} of libyajl"))
    })?;
    String::from_utf8(text).map_err(|_| Error::fail("cannot write JSON: the text is not UTF-8"))
}

/// The value that a text describes.
pub fn from_json_str<T: Json>(text: &str) -> Result<T> {
    T::parse_json(&Value::parse(text)?)
}

/// Writes a member of an object, unless it is left out.
pub(super) fn write_member<T: Json>(out: &mut Writer, name: &str, value: &T, init: &T) -> Written {
    if value.left_out(init) {
        return Ok(());
    }
    out.string(json_name(name))?;
    value.write_json(out)
}

/// Reads a member of an object, which stays as it is where the object has none.
pub(super) fn parse_member<T: Json>(object: &Value, name: &str, member: &mut T) -> Result<()> {
    if let Some(value) = object.get(json_name(name)) {
        *member = T::parse_json(value).map_err(|error| error.context(json_name(name)))?;
    }
    Ok(())
}

/// A member's name in JSON: that in Rust without the underscore after keywords.
fn json_name(name: &str) -> &str {
    name.trim_end_matches('_')
}

impl<T: Json> Json for Vec<T> {
    fn write_json(&self, out: &mut Writer) -> Written {
        out.array_open()?;
        for element in self {
            element.write_json(out)?;
        }
        out.array_close()
    }

    fn parse_json(value: &Value) -> Result<Self> {
        let parse = |(index, value)| {
            T::parse_json(value).map_err(|error| error.context(format_args!("element {index}")))
        };
        value.array()?.iter().enumerate().map(parse).collect()
    }

    fn left_out(&self, _: &Self) -> bool {
        self.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DeviceDisk, DomainBuildInfo, DomainBuildInfoU, DomainConfig, DomainType};

    #[test]
    fn what_init_sets_is_left_out() {
        let text = to_json_string(&DomainBuildInfo::default()).unwrap();
        assert_eq!(
            text,
            r#"{
    "sched_params": {

    },
    "type.invalid": {

    },
    "arch_arm": {

    },
    "arch_x86": {

    }
}
"#
        );
    }

    #[test]
    fn comes_back_as_it_went() {
        let mut config = DomainConfig::default();
        config.c_info.name = Some("güst".to_owned());
        config.b_info.u = DomainBuildInfoU::init(DomainType::Pv);
        config.b_info.acpi = Some(true);
        config.disks.push(DeviceDisk {
            vdev: Some(String::new()),
            ..Default::default()
        });
        let text = to_json_string(&config).unwrap();
        assert_eq!(from_json_str::<DomainConfig>(&text).unwrap(), config);
    }

    #[test]
    fn errors_name_the_member() {
        let text = r#"{"disks": [{}, {"vdev": 1}]}"#;
        let error = from_json_str::<DomainConfig>(text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "disks: element 1: vdev: expected a string, found an integer"
        );
        let two = r#"{"type.pv": {}, "type.hvm": {}}"#;
        assert!(from_json_str::<DomainBuildInfo>(two).is_err());
    }

    #[test]
    fn deprecated_members_move_once() {
        let mut info: DomainBuildInfo =
            from_json_str(r#"{"type.pv": {"kernel": "/boot/k", "bootloader_args": ["-x"]}}"#)
                .unwrap();
        info.move_deprecated().unwrap();
        assert_eq!(info.kernel.as_deref(), Some("/boot/k"));
        assert_eq!(info.bootloader_args, ["-x"]);
        assert_eq!(info.u, DomainBuildInfoU::init(DomainType::Pv));
        let DomainBuildInfoU::Pv(pv) = &mut info.u else {
            unreachable!("just compared")
        };
        pv.kernel = Some("/boot/other".to_owned());
        assert!(info.move_deprecated().is_err());
    }

    /// What is read from a text, however damaged, is written and read again without a change.
    #[test]
    fn damaged_text_is_refused_or_understood() {
        let mut config = DomainConfig::default();
        config.b_info.u = DomainBuildInfoU::init(DomainType::Hvm);
        config.b_info.cpumap = [1, 5].into_iter().collect();
        config.b_info.cpuid.add_rule("sse3=0").unwrap();
        config.b_info.extra = vec!["-a".to_owned(), "é".to_owned()];
        config.c_info.xsdata = vec![("k".to_owned(), None)];
        config.disks.push(DeviceDisk::default());
        let whole = to_json_string(&config).unwrap().into_bytes();
        let (mut state, mut understood) = (1_u64, 0);
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            usize::try_from(state >> 33).unwrap() % below
        };
        for _ in 0..20_000 {
            let mut text = whole.clone();
            for _ in 0..=random(3) {
                let at = random(text.len());
                match random(3) {
                    0 => text[at] = b"{}[]\",:0-9e.\\ntf\xc3"[random(17)],
                    1 => drop(text.remove(at)),
                    _ => text.insert(at, b"{}[]\",:0-9e.\\ntf\xc3"[random(17)]),
                }
            }
            let Ok(text) = String::from_utf8(text) else {
                continue;
            };
            if let Ok(config) = from_json_str::<DomainConfig>(&text) {
                understood += 1;
                let again = to_json_string(&config).unwrap();
                let back = from_json_str::<DomainConfig>(&again).unwrap();
                assert_eq!(to_json_string(&back).unwrap(), again, "{text}");
            }
        }
        assert!(understood > 100, "only {understood} texts survived");
    }
}
