//! JSON as it comes in: any tree, with bounds on its text and depth, members in their order.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Shape;
use crate::{Error, Result};

/// The longest text that is read at all, in bytes. The largest domain configurations take some tens of KiB.
const MAX_TEXT: usize = 16 << 20;

/// The most values in a text: the affinities of 512 vCPUs to 512 CPUs are half as many.
const MAX_VALUES: usize = 500_000;

/// The most objects in a text, which take far more memory than numbers do. Each device of a domain is one.
const MAX_OBJECTS: usize = 20_000;

/// A value of any sort.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number without a fraction or exponent that fits 64 bits.
    Integer(i128),
    /// Any other number.
    Fraction(f64),
    /// A string without NUL bytes.
    String(String),
    /// An array.
    Array(Vec<Value>),
    /// An object; the first of several members with one name counts.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// Reads one value and nothing after it but white space. Deeper than 128 levels is refused.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(Error::fail(format!(
                "the JSON text has {} bytes; the limit is {MAX_TEXT}",
                text.len()
            )));
        }
        let shape = Shape::of(text.as_bytes());
        if shape.values > MAX_VALUES || shape.objects > MAX_OBJECTS {
            return Err(Error::fail(format!(
                "the JSON text has {} values, {} of them objects; the limits are {MAX_VALUES} and {MAX_OBJECTS}",
                shape.values, shape.objects
            )));
        }
        serde_json::from_str(text).map_err(|error| Error::fail(format!("not valid JSON: {error}")))
    }

    /// The member called `name`, if this is a map that has one.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The members of a map.
    pub fn map(&self) -> Result<&[(String, Self)]> {
        match self {
            Self::Map(members) => Ok(members),
            other => Err(other.is_not("an object")),
        }
    }

    /// The elements of an array.
    pub fn array(&self) -> Result<&[Self]> {
        match self {
            Self::Array(elements) => Ok(elements),
            other => Err(other.is_not("an array")),
        }
    }

    /// A string.
    pub fn string(&self) -> Result<&str> {
        match self {
            Self::String(text) => Ok(text),
            other => Err(other.is_not("a string")),
        }
    }

    /// A boolean.
    pub fn bool(&self) -> Result<bool> {
        match self {
            Self::Bool(value) => Ok(*value),
            other => Err(other.is_not("true or false")),
        }
    }

    /// A number in the range of `T`.
    pub fn integer<T: TryFrom<i128>>(&self) -> Result<T> {
        let Self::Integer(value) = self else {
            return Err(self.is_not("an integer"));
        };
        T::try_from(*value).map_err(|_| Error::fail(format!("{value} is out of range")))
    }

    fn is_not(&self, wanted: &str) -> Error {
        let found = match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Integer(_) => "an integer",
            Self::Fraction(_) => "a fraction or a huge number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Map(_) => "an object",
        };
        Error::fail(format!("expected {wanted}, found {found}"))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Fraction(value))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Value, E> {
        if text.contains('\0') {
            return Err(E::custom("a string holds a NUL byte"));
        }
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = seq.next_element()? {
            elements.push(element);
        }
        Ok(Value::Array(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members: Vec<(String, Value)> = Vec::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if name.contains('\0') {
                return Err(serde::de::Error::custom("a name holds a NUL byte"));
            }
            members.push((name, value));
        }
        Ok(Value::Map(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_the_first_of_equal_names() {
        let value = Value::parse(r#"{"z":1,"a":"x","z":2}"#).unwrap();
        assert_eq!(value.get("z").unwrap().integer::<u8>().unwrap(), 1);
        assert_eq!(value.map().unwrap()[1].0, "a");
    }

    #[test]
    fn bounds_hold() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(Value::parse(&deep).is_err());
        assert!(Value::parse(&" ".repeat(MAX_TEXT + 1)).is_err());
        let row = |value: &str, count| Value::parse(&format!("[{}0]", value.repeat(count)));
        assert!(row("{},", MAX_OBJECTS).is_ok());
        assert!(row("{},", MAX_OBJECTS + 1).is_err());
        assert!(row("0,", MAX_VALUES - 10).is_ok());
        assert!(row("0,", MAX_VALUES).is_err());
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\":}",
            "1 2",
            "\"\\u0000\"",
            "nul",
            "\"\\ud800\"",
        ] {
            assert!(Value::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_know_their_range() {
        let max = Value::parse("18446744073709551615").unwrap();
        assert_eq!(max.integer::<u64>().unwrap(), u64::MAX);
        assert!(max.integer::<i64>().is_err());
        assert!(Value::parse("1e2").unwrap().integer::<u8>().is_err());
        assert!(Value::parse("-1").unwrap().integer::<u8>().is_err());
    }
}
