//! Strings that hvmloader puts into the guest's SMBIOS tables; it finds them in xenstore.

use crate::types::{Smbios, SmbiosType};
use crate::{Error, Result};

/// How many strings of the machine's maker hvmloader reads.
const MAX_OEM: usize = 99;

/// Nodes below the domain's own, and their values.
pub(super) fn strings(wanted: &[Smbios]) -> Result<Vec<(String, String)>> {
    let (mut keys, mut oem) = (Vec::new(), 0);
    for string in wanted {
        let kind = string
            .key
            .ok_or_else(|| Error::inval("an SMBIOS string says not what it is"))?;
        let value = string.value.clone();
        let value = value.ok_or_else(|| {
            Error::inval(format!("the SMBIOS string {} has no value", kind.name()))
        })?;
        let name = match kind {
            SmbiosType::Oem if oem == MAX_OEM => {
                return Err(Error::inval(format!(
                    "more than {MAX_OEM} SMBIOS strings of the kind oem"
                )));
            }
            SmbiosType::Oem => {
                oem += 1;
                format!("oem-{oem}")
            }
            other => other.name().replace('_', "-"),
        };
        keys.push((format!("bios-strings/{name}"), value));
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(key: SmbiosType, value: &str) -> Smbios {
        Smbios {
            key: Some(key),
            value: Some(value.to_owned()),
        }
    }

    #[test]
    fn names_are_hvmloaders() {
        let wanted = [
            string(SmbiosType::Oem, "a"),
            string(SmbiosType::SystemSerialNumber, "b"),
            string(SmbiosType::Oem, "c"),
        ];
        let keys = strings(&wanted).unwrap();
        let names: Vec<&str> = keys.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "bios-strings/oem-1",
                "bios-strings/system-serial-number",
                "bios-strings/oem-2"
            ]
        );
        assert_eq!(keys[1].1, "b");
    }

    #[test]
    fn what_hvmloader_would_not_read_is_refused() {
        let mut many = vec![string(SmbiosType::Oem, "x"); MAX_OEM];
        assert_eq!(strings(&many).unwrap().len(), MAX_OEM);
        many.push(string(SmbiosType::Oem, "x"));
        assert!(strings(&many).is_err());
        assert!(strings(&[Smbios::default()]).is_err());
        let nothing = Smbios {
            key: Some(SmbiosType::Oem),
            value: None,
        };
        assert!(strings(&[nothing]).is_err());
    }
}
