//! What the description says: of all releases, or cut for one.

use xenlight_release::Version;

/// All types, in the order in which they are described.
#[derive(Clone, Debug, Default)]
pub struct Idl {
    /// What programs can test for.
    pub features: Vec<Feature>,
    /// Enumerations and structs.
    pub types: Vec<Type>,
}

/// The releases that have a thing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The release that brought it; None for the oldest one that is known.
    pub since: Option<Version>,
    /// The release in which it is gone.
    pub until: Option<Version>,
}

impl Span {
    /// Whether `release` has the thing.
    pub fn has(&self, release: Version) -> bool {
        self.since.is_none_or(|since| since <= release)
            && self.until.is_none_or(|until| release < until)
    }

    /// The condition under which rustc compiles the thing; None for what all releases have.
    pub fn condition(&self) -> Option<String> {
        let until = self.until.map(|until| format!("not({})", until.cfg()));
        match (self.since.map(Version::cfg), until) {
            (Some(since), Some(until)) => Some(format!("all({since}, {until})")),
            (since, until) => since.or(until),
        }
    }

    /// The attribute `name` with that condition, and `after` behind it; nothing for what all releases have.
    pub fn attribute(&self, name: &str, after: &str) -> String {
        let condition = self.condition();
        condition.map_or_else(String::new, |condition| {
            format!("#[{name}({condition})]{after}")
        })
    }
}

/// A macro that says what the library has.
#[derive(Clone, Debug)]
pub struct Feature {
    /// The name after `LIBXL_HAVE_`.
    pub name: String,
    /// Defined as nothing, instead of 1.
    pub empty: bool,
    /// The releases that have it.
    pub span: Span,
}

/// One named type.
#[derive(Clone, Debug)]
pub struct Type {
    /// The name without `libxl_`.
    pub name: String,
    /// The generated file it goes to.
    pub area: String,
    /// What it is.
    pub def: Def,
    /// The releases that have it.
    pub span: Span,
}

/// The two sorts of named types.
#[derive(Clone, Debug)]
pub enum Def {
    /// An enumeration.
    Enum(Enum),
    /// A struct.
    Struct(Struct),
}

/// An enumeration; in C an `int`.
#[derive(Clone, Debug)]
pub struct Enum {
    /// The enumerator that `init` sets, where it is not the one with value 0.
    pub default: Option<String>,
    /// The constants are named without `LIBXL_`.
    pub unprefixed: bool,
    /// What the Rust names of enumerators that begin with a digit have before it.
    pub digits: Option<String>,
    /// The enumerators in C order.
    pub values: Vec<Enumerator>,
}

/// An enumerator.
#[derive(Clone, Debug)]
pub struct Enumerator {
    /// The name as spelled in the description.
    pub name: String,
    /// The value.
    pub value: i32,
    /// The releases that have it.
    pub span: Span,
}

/// A struct.
#[derive(Clone, Debug)]
pub struct Struct {
    /// Whether a dispose function is exported.
    pub dispose: bool,
    /// Whether there is a function that moves deprecated fields to their successors.
    pub moves_deprecated: bool,
    /// The members in C order.
    pub fields: Vec<Field>,
}

/// A member of a struct.
#[derive(Clone, Debug)]
pub struct Field {
    /// The name in C.
    pub name: String,
    /// Its type.
    pub ty: FieldType,
    /// What `init` sets, where it is not what the type says.
    pub init: Option<String>,
    /// The release that brought this; before it `init` sets what the type says.
    pub init_from: Option<Version>,
    /// The member of the outermost struct that replaces this one.
    pub deprecated_by: Option<String>,
    /// The library neither sets, copies, frees nor writes it.
    pub unmanaged: bool,
    /// For the library's own use.
    pub private: bool,
    /// The releases that have it.
    pub span: Span,
}

/// The type of a member.
#[derive(Clone, Debug)]
pub enum FieldType {
    /// A built-in or described type, by name.
    Named(String),
    /// A count and a pointer.
    Array {
        /// The type of the elements.
        element: String,
        /// The name of the count.
        length: String,
    },
    /// A nested struct without a name.
    Nested(Vec<Field>),
    /// A union, and the member before it that says which arm holds.
    Union {
        /// The name of the key member.
        key: String,
        /// The enumeration the key is of.
        key_type: String,
        /// Enumerator in lower case, and the arm's members where it has any.
        arms: Vec<Arm>,
    },
}

/// An arm of a union: the enumerator in lower case, and the members where it has any.
pub type Arm = (String, Option<Vec<Field>>);

impl Idl {
    /// What `release` has of it.
    pub fn cut(&self, release: Version) -> Self {
        let mut idl = self.clone();
        idl.features.retain(|feature| feature.span.has(release));
        idl.types.retain(|ty| ty.span.has(release));
        for ty in &mut idl.types {
            match &mut ty.def {
                Def::Enum(e) => e.values.retain(|value| value.span.has(release)),
                Def::Struct(s) => cut(&mut s.fields, release),
            }
        }
        idl
    }

    /// The enumeration called `name`, if that is one.
    pub fn find_enum(&self, name: &str) -> Option<&Enum> {
        self.types.iter().find_map(|ty| match &ty.def {
            Def::Enum(e) if ty.name == name => Some(e),
            _ => None,
        })
    }

    /// The struct called `name`, if that is one.
    pub fn find_struct(&self, name: &str) -> Option<&Struct> {
        self.types.iter().find_map(|ty| match &ty.def {
            Def::Struct(s) if ty.name == name => Some(s),
            _ => None,
        })
    }

    /// The areas in the order of their first type.
    pub fn areas(&self) -> Vec<&str> {
        let mut areas = Vec::new();
        for ty in &self.types {
            if !areas.contains(&ty.area.as_str()) {
                areas.push(&ty.area);
            }
        }
        areas
    }
}

fn cut(fields: &mut Vec<Field>, release: Version) {
    fields.retain(|field| field.span.has(release));
    for field in fields {
        if field.init_from.is_some_and(|from| release < from) {
            field.init = None;
        }
        match &mut field.ty {
            FieldType::Nested(inner) => cut(inner, release),
            FieldType::Union { arms, .. } => {
                for members in arms.iter_mut().filter_map(|(_, members)| members.as_mut()) {
                    cut(members, release);
                }
            }
            FieldType::Named(_) | FieldType::Array { .. } => {}
        }
    }
}

impl Enum {
    /// The enumerator that `init` sets; None where no enumerator has value 0 and the description names none.
    pub fn initial(&self) -> Option<&Enumerator> {
        match &self.default {
            Some(name) => self.values.iter().find(|known| known.name == *name),
            None => self.values.iter().find(|known| known.value == 0),
        }
    }

    /// The Rust name of an enumerator.
    pub fn variant(&self, enumerator: &Enumerator) -> String {
        let prefix = match &self.digits {
            Some(prefix) if enumerator.name.starts_with(|c: char| c.is_ascii_digit()) => prefix,
            _ => "",
        };
        format!("{prefix}{}", camel(&enumerator.name))
    }
}

impl Type {
    /// The C name of the type.
    pub fn c_name(&self) -> String {
        format!("libxl_{}", self.name)
    }
}

/// The C name of an enumerator: upper case, with the type's name in front.
pub fn constant(ty: &str, e: &Enum, enumerator: &str) -> String {
    let prefix = if e.unprefixed { "" } else { "LIBXL_" };
    format!(
        "{prefix}{}_{}",
        ty.to_uppercase(),
        enumerator.to_uppercase()
    )
}

/// `device_disk` → `DeviceDisk`.
pub fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let lower = word.to_lowercase();
            let mut letters = lower.chars();
            letters
                .next()
                .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
                .unwrap_or_default()
        })
        .collect()
}

/// A member's name in Rust: keywords get a trailing underscore.
pub fn rust_field(name: &str) -> String {
    match name {
        "type" | "static" | "use" | "in" | "ref" | "gen" => format!("{name}_"),
        _ => name.to_owned(),
    }
}
