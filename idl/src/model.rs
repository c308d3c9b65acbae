//! What the description says, for one release.

/// All types, in the order in which they are described.
#[derive(Debug, Default)]
pub struct Idl {
    /// The release this is for, such as "4.17".
    pub release: String,
    /// What programs can test for.
    pub features: Vec<Feature>,
    /// Enumerations and structs.
    pub types: Vec<Type>,
}

/// A macro that says what the library has.
#[derive(Debug)]
pub struct Feature {
    /// The name after `LIBXL_HAVE_`.
    pub name: String,
    /// Defined as nothing, instead of 1.
    pub empty: bool,
}

/// One named type.
#[derive(Debug)]
pub struct Type {
    /// The name without `libxl_`.
    pub name: String,
    /// The generated file it goes to.
    pub area: String,
    /// What it is.
    pub def: Def,
}

/// The two sorts of named types.
#[derive(Debug)]
pub enum Def {
    /// An enumeration.
    Enum(Enum),
    /// A struct.
    Struct(Struct),
}

/// An enumeration; in C an `int`.
#[derive(Debug)]
pub struct Enum {
    /// The enumerator that `init` sets, where it is not the one with value 0.
    pub default: Option<String>,
    /// The constants are named without `LIBXL_`.
    pub unprefixed: bool,
    /// Names, as spelled in the description, and values.
    pub values: Vec<(String, i32)>,
}

/// A struct.
#[derive(Debug)]
pub struct Struct {
    /// Whether a dispose function is exported.
    pub dispose: bool,
    /// Whether there is a function that moves deprecated fields to their successors.
    pub moves_deprecated: bool,
    /// The members in C order.
    pub fields: Vec<Field>,
}

/// A member of a struct.
#[derive(Debug)]
pub struct Field {
    /// The name in C.
    pub name: String,
    /// Its type.
    pub ty: FieldType,
    /// What `init` sets, where it is not what the type says.
    pub init: Option<String>,
    /// The member of the outermost struct that replaces this one.
    pub deprecated_by: Option<String>,
    /// The library neither sets, copies, frees nor writes it.
    pub unmanaged: bool,
    /// For the library's own use.
    pub private: bool,
}

/// The type of a member.
#[derive(Debug)]
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
        arms: Vec<(String, Option<Vec<Field>>)>,
    },
}

impl Idl {
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

impl Enum {
    /// The enumerator that `init` sets; None where no enumerator has value 0 and the description names none.
    pub fn initial(&self) -> Option<&(String, i32)> {
        match &self.default {
            Some(name) => self.values.iter().find(|(n, _)| n == name),
            None => self.values.iter().find(|(_, value)| *value == 0),
        }
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
