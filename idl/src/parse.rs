//! Reads the description. The grammar is at the top of `libxl.idl`.

use std::fmt;

use crate::model::{Def, Enum, Feature, Field, FieldType, Idl, Struct, Type};

/// A mistake in the description, with the line it is on.
#[derive(Debug)]
pub struct ParseError {
    line: usize,
    text: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for ParseError {}

type Result<T> = std::result::Result<T, ParseError>;

/// Reads `text`, keeping what exists in `release`.
pub fn parse(text: &str, release: &str) -> Result<Idl> {
    let mut parser = Parser {
        lines: text
            .lines()
            .enumerate()
            .map(|(index, line)| {
                let line = line.split('#').next().unwrap_or_default();
                let line = line.replace(['[', ']', ';'], " ");
                let words = line.split_whitespace().map(str::to_owned).collect();
                (index + 1, words)
            })
            .filter(|(_, words): &(usize, Vec<String>)| !words.is_empty())
            .collect(),
        next: 0,
        releases: Vec::new(),
        chosen: 0,
    };
    parser.file(release)
}

struct Parser {
    lines: Vec<(usize, Vec<String>)>,
    next: usize,
    releases: Vec<String>,
    chosen: usize,
}

impl Parser {
    fn line(&mut self) -> Option<(usize, Vec<String>)> {
        let line = self.lines.get(self.next).cloned();
        self.next += 1;
        line
    }

    fn file(&mut self, release: &str) -> Result<Idl> {
        let mut idl = Idl {
            release: release.to_owned(),
            ..Idl::default()
        };
        let mut area = None;
        while let Some((line, words)) = self.line() {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["releases", known @ ..] => {
                    self.releases = known.iter().map(|&name| name.to_owned()).collect();
                    self.chosen = self.release(line, release)?;
                }
                ["features", "{"] => self.features(line, &mut idl.features)?,
                ["area", name] => area = Some((*name).to_owned()),
                [kind @ ("enum" | "struct"), name, attributes @ .., "{"] => {
                    let Some(area) = area.clone() else {
                        return fail(line, "a type before the first area");
                    };
                    let mut attributes = attributes.to_vec();
                    let present = self.exists(line, &mut attributes)?;
                    let def = if *kind == "enum" {
                        Def::Enum(self.enumeration(line, &attributes)?)
                    } else {
                        Def::Struct(self.structure(line, &attributes)?)
                    };
                    if present {
                        idl.types.push(Type {
                            name: (*name).to_owned(),
                            area,
                            def,
                        });
                    }
                }
                _ => return fail(line, "expected releases, features, area, enum or struct"),
            }
        }
        Ok(idl)
    }

    fn features(&mut self, opened: usize, features: &mut Vec<Feature>) -> Result<()> {
        loop {
            let Some((line, words)) = self.line() else {
                return fail(opened, "the features do not end");
            };
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            let exists = self.exists(line, &mut words)?;
            let (name, empty) = match words.as_slice() {
                ["}"] => return Ok(()),
                [name] => (name, false),
                [name, "empty"] => (name, true),
                _ => return fail(line, "expected the name of a feature"),
            };
            if exists {
                features.push(Feature {
                    name: (*name).to_owned(),
                    empty,
                });
            }
        }
    }

    fn release(&self, line: usize, name: &str) -> Result<usize> {
        match self.releases.iter().position(|known| known == name) {
            Some(index) => Ok(index),
            None => fail(line, format!("unknown release {name}")),
        }
    }

    /// Takes `since` and `until` out of the attributes and says whether the chosen release has the thing.
    fn exists(&self, line: usize, attributes: &mut Vec<&str>) -> Result<bool> {
        let mut exists = true;
        for bound in ["since", "until"] {
            let Some(at) = attributes.iter().position(|&word| word == bound) else {
                continue;
            };
            let Some(&name) = attributes.get(at + 1) else {
                return fail(line, format!("{bound} needs a release"));
            };
            let limit = self.release(line, name)?;
            exists &= if bound == "since" {
                self.chosen >= limit
            } else {
                self.chosen < limit
            };
            attributes.drain(at..at + 2);
        }
        Ok(exists)
    }

    fn enumeration(&mut self, line: usize, attributes: &[&str]) -> Result<Enum> {
        let (default, unprefixed) = match attributes {
            [] => (None, false),
            ["unprefixed"] => (None, true),
            ["default", name] => (Some((*name).to_owned()), false),
            _ => return fail(line, "an enum takes default or unprefixed"),
        };
        let mut values = Vec::new();
        loop {
            let Some((line, words)) = self.line() else {
                return fail(line, "this enum does not end");
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["}"] => break,
                [name, value, attributes @ ..] => {
                    if self.exists(line, &mut attributes.to_vec())? {
                        values.push(((*name).to_owned(), number(line, value)?));
                    }
                }
                _ => return fail(line, "expected an enumerator and its value"),
            }
        }
        if let Some(name) = &default {
            if !values.iter().any(|(known, _)| known == name) {
                return fail(line, format!("{name} is not an enumerator of this enum"));
            }
        }
        Ok(Enum {
            default,
            unprefixed,
            values,
        })
    }

    fn structure(&mut self, line: usize, attributes: &[&str]) -> Result<Struct> {
        for &attribute in attributes {
            if !["in", "out", "no_dispose", "moves_deprecated"].contains(&attribute) {
                return fail(line, format!("a struct cannot be {attribute}"));
            }
        }
        Ok(Struct {
            dispose: !attributes.contains(&"no_dispose"),
            moves_deprecated: attributes.contains(&"moves_deprecated"),
            fields: self.fields(line)?,
        })
    }

    /// Members up to the closing brace.
    fn fields(&mut self, opened: usize) -> Result<Vec<Field>> {
        let mut fields = Vec::new();
        loop {
            let Some((line, words)) = self.line() else {
                return fail(opened, "this brace is not closed");
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let (name, ty, mut rest) = match words.as_slice() {
                ["}"] => return Ok(fields),
                [name, "union", key, key_type, rest @ .., "{"] => {
                    let arms = self.arms(line)?;
                    let ty = FieldType::Union {
                        key: key.trim_end_matches(':').to_owned(),
                        key_type: (*key_type).to_owned(),
                        arms,
                    };
                    (name, ty, rest.to_vec())
                }
                [name, rest @ .., "{"] => {
                    (name, FieldType::Nested(self.fields(line)?), rest.to_vec())
                }
                [name, element, length, rest @ ..] if length.starts_with("num_") => {
                    let ty = FieldType::Array {
                        element: (*element).to_owned(),
                        length: (*length).to_owned(),
                    };
                    (name, ty, rest.to_vec())
                }
                [name, ty, rest @ ..] => (name, FieldType::Named((*ty).to_owned()), rest.to_vec()),
                _ => return fail(line, "expected a member and its type"),
            };
            let exists = self.exists(line, &mut rest)?;
            let mut field = Field {
                name: (*name).to_owned(),
                ty,
                init: None,
                deprecated_by: None,
                unmanaged: false,
                private: false,
            };
            let mut rest = rest.into_iter();
            while let Some(attribute) = rest.next() {
                match attribute {
                    "=" => field.init = rest.next().map(str::to_owned),
                    "deprecated_by" => field.deprecated_by = rest.next().map(str::to_owned),
                    "unmanaged" => field.unmanaged = true,
                    "private" => field.private = true,
                    _ => return fail(line, format!("unknown attribute {attribute}")),
                }
            }
            if exists {
                fields.push(field);
            }
        }
    }

    fn arms(&mut self, opened: usize) -> Result<Vec<(String, Option<Vec<Field>>)>> {
        let mut arms = Vec::new();
        loop {
            let Some((line, words)) = self.line() else {
                return fail(opened, "this union is not closed");
            };
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            match words.as_slice() {
                ["}"] => return Ok(arms),
                [name] => arms.push(((*name).to_owned(), None)),
                [name, "{"] => {
                    let fields = self.fields(line)?;
                    arms.push(((*name).to_owned(), Some(fields)));
                }
                _ => return fail(line, "expected an arm of the union"),
            }
        }
    }
}

fn number(line: usize, text: &str) -> Result<i32> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.or_else(|_| fail(line, format!("{text} is not a number")))
}

fn fail<T>(line: usize, text: impl Into<String>) -> Result<T> {
    Err(ParseError {
        line,
        text: text.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
        releases 4.17 4.18
        area a
        enum colour default RED { # trailing
            NONE 0
            RED 0x10
            BLUE 2 since 4.18
        }
        struct thing no_dispose {
            count int = -1
            new string since 4.18
            old string until 4.18
            parts [thing; num_parts]
            u union kind: colour {
                red { x u8 }
            }
        }";

    #[test]
    fn a_release_has_what_came_before_it() {
        let text = TEXT.replace("red { x u8 }", "red {\n x u8\n }");
        let first = parse(&text, "4.17").unwrap();
        let second = parse(&text, "4.18").unwrap();
        let names = |idl: &Idl| -> Vec<String> {
            let fields = &idl.find_struct("thing").unwrap().fields;
            fields.iter().map(|field| field.name.clone()).collect()
        };
        assert_eq!(names(&first), ["count", "old", "parts", "u"]);
        assert_eq!(names(&second), ["count", "new", "parts", "u"]);
        assert_eq!(first.find_enum("colour").unwrap().values.len(), 2);
        assert_eq!(second.find_enum("colour").unwrap().values.len(), 3);
        assert_eq!(first.find_enum("colour").unwrap().initial().unwrap().1, 16);
    }

    #[test]
    fn mistakes_name_their_line() {
        let error = parse("releases 4.17\narea a\nstruct x {\n a\n}", "4.17").unwrap_err();
        assert_eq!(error.to_string(), "line 4: expected a member and its type");
        assert!(parse("releases 4.17", "4.99").is_err());
        assert!(parse("releases 4.17\narea a\nstruct x {", "4.17").is_err());
    }
}
