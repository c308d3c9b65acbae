//! The JSON forms of numbers, strings and the types written by hand.

use super::{Json, Value, Writer, Written};
use crate::types::{Bitmap, CpuidLeaf, CpuidPolicyList, EvUser, Mac, MsrPolicy, Uuid};
use crate::{Error, Result};

/// The largest bitmap that is read, in bits; Xen knows at most 16383 CPUs.
const MAX_BITS: usize = 1 << 16;

/// Forms that are left out when they are what `init` sets.
macro_rules! json_form {
    ($ty:ty, |$value:ident, $out:ident| $write:expr, |$json:ident| $parse:expr) => {
        json_form!(
            $ty,
            |$value, $out| $write,
            |$json| $parse,
            |value, init| value == init
        );
    };
    ($ty:ty, |$value:ident, $out:ident| $write:expr, |$json:ident| $parse:expr, |$member:ident, $init:ident| $left_out:expr) => {
        impl Json for $ty {
            fn write_json(&self, $out: &mut Writer) -> Written {
                let $value = self;
                $write
            }

            fn parse_json($json: &Value) -> Result<Self> {
                $parse
            }

            fn left_out(&self, $init: &Self) -> bool {
                let $member = self;
                $left_out
            }
        }
    };
}

json_form!(bool, |value, out| out.bool(*value), |json| json.bool());
json_form!(u8, |value, out| out.integer((*value).into()), |json| json
    .integer());
json_form!(u16, |value, out| out.integer((*value).into()), |json| json
    .integer());
json_form!(u32, |value, out| out.integer((*value).into()), |json| json
    .integer());
json_form!(i32, |value, out| out.integer((*value).into()), |json| json
    .integer());
json_form!(u64, |value, out| out.unsigned(*value), |json| json
    .integer());

// Written with a sign, unlike every other 64-bit member, because the C library does.
json_form!(
    EvUser,
    |value, out| out.integer(i64::from_ne_bytes(value.0.to_ne_bytes())),
    |json| json.integer().map(EvUser)
);

// Never left out: null and the empty string are different values.
json_form!(
    Option<String>,
    |value, out| match value {
        Some(text) => out.string(text),
        None => out.null(),
    },
    |json| match json {
        Value::Null => Ok(None),
        other => Ok(Some(other.string()?.to_owned())),
    }
);

json_form!(String, |value, out| out.string(value), |json| {
    Ok(json.string()?.to_owned())
});

json_form!(
    Option<bool>,
    |value, out| out.string(match value {
        None => "<default>",
        Some(true) => "True",
        Some(false) => "False",
    }),
    |json| match json.string()? {
        "<default>" => Ok(None),
        "True" => Ok(Some(true)),
        "False" => Ok(Some(false)),
        other => Err(Error::fail(format!(
            "expected True, False or <default>, found {other:?}"
        ))),
    }
);

json_form!(Uuid, |value, out| out.string(&value.to_string()), |json| {
    let text = json.string()?;
    Uuid::parse(text).ok_or_else(|| Error::fail(format!("{text:?} is not a UUID")))
});

json_form!(Mac, |value, out| out.string(&value.to_string()), |json| {
    let text = json.string()?;
    Mac::parse(text).ok_or_else(|| Error::fail(format!("{text:?} is not an Ethernet address")))
});

json_form!(
    Bitmap,
    |value, out| {
        out.array_open()?;
        for bit in value.iter() {
            out.unsigned(bit as u64)?;
        }
        out.array_close()
    },
    |json| {
        let bits = parse_bits(json.array()?)?;
        let last = bits.last().map_or(0, |last| last + 1);
        let mut bitmap = Bitmap::new(last);
        for bit in bits {
            bitmap.set(bit);
        }
        Ok(bitmap)
    },
    |value, _init| value.is_empty()
);

/// Ascending numbers below [`MAX_BITS`].
fn parse_bits(elements: &[Value]) -> Result<Vec<usize>> {
    let bits: Vec<usize> = elements.iter().map(Value::integer).collect::<Result<_>>()?;
    if let Some(bit) = bits.iter().find(|&&bit| bit >= MAX_BITS) {
        return Err(Error::fail(format!("{bit} is too large for a bitmap")));
    }
    if bits.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(Error::fail("the numbers of a bitmap are not ascending"));
    }
    Ok(bits)
}

json_form!(
    [u32; 8],
    |value, out| {
        // Four of the eight words: the C library has written no more since Xen grew them.
        out.array_open()?;
        for word in &value[..4] {
            out.integer((*word).into())?;
        }
        out.array_close()
    },
    |json| {
        let mut words = [0; 8];
        let elements = json.array()?;
        if elements.len() < 4 {
            return Err(Error::fail("expected four words"));
        }
        for (word, element) in words[..4].iter_mut().zip(elements) {
            *word = element.integer()?;
        }
        Ok(words)
    },
    |_value, _init| false
);

json_form!(
    [u8; 16],
    |value, out| {
        out.array_open()?;
        for byte in value {
            out.integer((*byte).into())?;
        }
        out.array_close()
    },
    |json| {
        let elements = json.array()?;
        if elements.len() < 16 {
            return Err(Error::fail("expected 16 bytes"));
        }
        let mut bytes = [0; 16];
        for (byte, element) in bytes.iter_mut().zip(elements) {
            *byte = element.integer()?;
        }
        Ok(bytes)
    }
);

json_form!(
    Vec<(String, Option<String>)>,
    |value, out| {
        out.map_open()?;
        for (key, value) in value {
            out.string(key)?;
            value.write_json(out)?;
        }
        out.map_close()
    },
    |json| {
        let members = json.map()?.iter();
        members
            .map(|(name, value)| Ok((name.clone(), Option::parse_json(value)?)))
            .collect()
    },
    |value, _init| value.is_empty()
);

const REGISTERS: [&str; 4] = ["eax", "ebx", "ecx", "edx"];

json_form!(
    CpuidPolicyList,
    |value, out| {
        out.map_open()?;
        out.string("cpuid")?;
        value.leaves.write_json(out)?;
        out.string("msr")?;
        value.msrs.write_json(out)?;
        out.map_close()
    },
    |json| {
        // Before MSRs came, the list of leaves was all there was.
        if let Value::Array(_) = json {
            return Ok(Self {
                leaves: Vec::parse_json(json)?,
                msrs: Vec::new(),
            });
        }
        json.map()?;
        let list = |name| {
            json.get(name)
                .ok_or_else(|| Error::fail(format!("no {name}")))
        };
        Ok(Self {
            leaves: Vec::parse_json(list("cpuid")?)?,
            msrs: Vec::parse_json(list("msr")?)?,
        })
    },
    |value, _init| value.is_empty()
);

json_form!(
    CpuidLeaf,
    |value, out| {
        out.map_open()?;
        out.string("leaf")?;
        out.integer(value.leaf.into())?;
        if let Some(subleaf) = value.subleaf {
            out.string("subleaf")?;
            out.integer(subleaf.into())?;
        }
        for (name, bits) in REGISTERS.iter().zip(&value.registers) {
            if let Some(bits) = bits {
                out.string(name)?;
                out.string(&String::from_utf8_lossy(bits))?;
            }
        }
        out.map_close()
    },
    |json| {
        json.map()?;
        let leaf = json.get("leaf").ok_or_else(|| Error::fail("no leaf"))?;
        let mut registers = [None; 4];
        for (name, register) in REGISTERS.iter().zip(&mut registers) {
            *register = json.get(name).map(bits).transpose()?;
        }
        Ok(Self {
            leaf: leaf.integer()?,
            subleaf: json.get("subleaf").map(Value::integer).transpose()?,
            registers,
        })
    },
    |_value, _init| false
);

json_form!(
    MsrPolicy,
    |value, out| {
        out.map_open()?;
        out.string("index")?;
        out.integer(value.index.into())?;
        out.string("policy")?;
        out.string(&String::from_utf8_lossy(&value.bits))?;
        out.map_close()
    },
    |json| {
        json.map()?;
        let member = |name| {
            json.get(name)
                .ok_or_else(|| Error::fail(format!("no {name}")))
        };
        Ok(Self {
            index: member("index")?.integer()?,
            bits: bits(member("policy")?)?,
        })
    },
    |_value, _init| false
);

/// A string of exactly `N` characters, one for each bit.
fn bits<const N: usize>(json: &Value) -> Result<[u8; N]> {
    let text = json.string()?;
    let bits = text.as_bytes().try_into();
    bits.map_err(|_| {
        Error::fail(format!(
            "{text:?} is not one character for each of {N} bits"
        ))
    })
}
