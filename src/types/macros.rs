//! How the generated files spell types: one macro for each of the three sorts the description knows.
//!
//! Types have what any release has. What the release that is built for does not have is never set, and has no JSON.

pub(super) use crate::types::json::{Json, Value, Writer, Written, parse_member, write_member};

/// An enumeration: `Name default Variant { Variant = number => "text", … }`. `#[known(since_4_18)]` stands before enumerators that
/// not all releases have.
macro_rules! native_enum {
    ($(#[$meta:meta])* $name:ident $(default $default:ident)? {
        $($(#[known($release:meta)])? $variant:ident = $value:literal => $text:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        #[allow(missing_docs, reason = "the enumerators are libxl.h's")]
        pub enum $name {
            $($variant = $value,)*
        }

        impl $name {
            /// All enumerators that the release has, in the order of libxl.h.
            pub const ALL: &'static [Self] = &[$($(#[cfg($release)])? Self::$variant,)*];

            /// The number that C programs see.
            pub const fn raw(self) -> i32 {
                self as i32
            }

            /// The enumerator with this number.
            pub const fn from_raw(raw: i32) -> Option<Self> {
                match raw {
                    $($(#[cfg($release)])? $value => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name in JSON and in configuration files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The enumerator with this name; the case of ASCII letters does not count.
            pub fn from_name(name: &str) -> Option<Self> {
                let mut all = Self::ALL.iter().copied();
                all.find(|known| known.name().eq_ignore_ascii_case(name))
            }
        }

        $(impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        })?

        impl Json for $name {
            fn write_json(&self, out: &mut Writer) -> Written {
                out.string(self.name())
            }

            fn parse_json(value: &Value) -> $crate::Result<Self> {
                let name = value.string()?;
                Self::from_name(name).ok_or_else(|| {
                    $crate::Error::fail(format!(concat!("{:?} is not a ", stringify!($name)), name))
                })
            }

            fn left_out(&self, init: &Self) -> bool {
                self == init
            }
        }

        /// For members that hold no enumerator until they are set.
        impl Json for Option<$name> {
            fn write_json(&self, out: &mut Writer) -> Written {
                match self {
                    Some(value) => value.write_json(out),
                    None => out.null(),
                }
            }

            fn parse_json(value: &Value) -> $crate::Result<Self> {
                $name::parse_json(value).map(Some)
            }

            fn left_out(&self, init: &Self) -> bool {
                self == init
            }
        }
    };
}

/// A struct: `Name { field: Type = what init sets, … }`. A member marked `(unmanaged)` stays out of JSON, as does one marked
/// `#[json(since_4_18)]` where the release does not have it.
macro_rules! native_struct {
    ($(#[$meta:meta])* $name:ident {
        $($(#[json($release:meta)])? $field:ident $(($how:ident))? : $ty:ty $(= $init:expr)?,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the members are libxl.h's")]
        pub struct $name {
            $(pub $field: $ty,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($field: native_struct!(@init $($init)?),)*
                }
            }
        }

        impl Json for $name {
            fn write_json(&self, out: &mut Writer) -> Written {
                let init = Self::default();
                out.map_open()?;
                $($(#[cfg($release)])? native_struct!(@write [$($how)?] out self init $field);)*
                out.map_close()
            }

            fn parse_json(value: &Value) -> $crate::Result<Self> {
                value.map()?;
                let mut parsed = Self::default();
                $($(#[cfg($release)])? native_struct!(@parse [$($how)?] value parsed $field);)*
                Ok(parsed)
            }

            /// A struct is always written, however little it says.
            fn left_out(&self, _: &Self) -> bool {
                false
            }
        }
    };
    (@write [] $out:ident $value:ident $init:ident $field:ident) => {
        write_member($out, stringify!($field), &$value.$field, &$init.$field)?
    };
    (@write [union] $out:ident $value:ident $init:ident $field:ident) => {
        $value.$field.write_member($out)?
    };
    (@write [unmanaged] $out:ident $value:ident $init:ident $field:ident) => { let _ = &$init; };
    (@parse [] $json:ident $parsed:ident $field:ident) => {
        parse_member($json, stringify!($field), &mut $parsed.$field)?
    };
    (@parse [union] $json:ident $parsed:ident $field:ident) => {
        $parsed.$field.parse_member($json)?
    };
    (@parse [unmanaged] $json:ident $parsed:ident $field:ident) => {};
    (@init) => { Default::default() };
    (@init $init:expr) => { $init };
}

/// A union with its key: `Name by KeyEnum default Arm { Arm "key.arm" (Type), Arm "key.arm", … }`.
///
/// `unset Arm` in the place of `default Arm` is for a key that has no enumerator of value 0: nobody has set it yet.
macro_rules! native_union {
    ($(#[$meta:meta])* $name:ident by $key:ident default $default:ident { $($arms:tt)* }) => {
        native_union! { @common [$(#[$meta])*] $name $key [] { $($arms)* } }

        impl $name {
            /// The enumerator for this arm.
            pub fn key(&self) -> $key {
                self.key_of_arm().unwrap_or($key::$default)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::init($key::$default)
            }
        }
    };
    ($(#[$meta:meta])* $name:ident by $key:ident unset $unset:ident { $($arms:tt)* }) => {
        native_union! { @common [$(#[$meta])*] $name $key [$unset] { $($arms)* } }

        impl $name {
            /// The enumerator for this arm; None until it is set.
            pub fn key(&self) -> Option<$key> {
                self.key_of_arm()
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::$unset
            }
        }
    };
    (@common [$(#[$meta:meta])*] $name:ident $key:ident [$($unset:ident)?] {
        $($arm:ident $text:literal $(($ty:ident))?,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs, reason = "the arms are libxl.h's")]
        #[allow(clippy::large_enum_variant, reason = "few are alive at a time, and matching without a box reads well")]
        pub enum $name {
            $($unset,)?
            $($arm $(($ty))?,)*
        }

        impl $name {
            /// The arm for `key`, with its members as `init` sets them.
            pub fn init(key: $key) -> Self {
                match key {
                    $($key::$arm => native_union!(@init $arm $($ty)?),)*
                }
            }

            fn key_of_arm(&self) -> Option<$key> {
                match self {
                    $(Self::$unset => None,)?
                    $(native_union!(@pattern $arm $($ty)?) => Some($key::$arm),)*
                }
            }

            /// Writes the arm as a member named after the key and the arm.
            fn write_member(&self, out: &mut Writer) -> Written {
                match self {
                    $(Self::$unset => Ok(()),)?
                    $(native_union!(@pattern $arm $($ty)? as arm) => {
                        out.string($text)?;
                        native_union!(@write out $($ty arm)?)
                    })*
                }
            }

            /// Reads the arm that the object has a member for; two arms contradict each other.
            fn parse_member(&mut self, object: &Value) -> $crate::Result<()> {
                let mut found = None;
                $(if let Some(value) = object.get($text) {
                    value.map().map_err(|error| error.context($text))?;
                    if let Some(other) = found.replace($text) {
                        return Err($crate::Error::fail(format!(concat!("both {} and ", $text), other)));
                    }
                    *self = native_union!(@parse value $text $arm $($ty)?);
                })*
                Ok(())
            }
        }
    };
    (@pattern $arm:ident as $bound:ident) => { Self::$arm };
    (@pattern $arm:ident $ty:ident as $bound:ident) => { Self::$arm($bound) };
    (@write $out:ident) => {{
        $out.map_open()?;
        $out.map_close()
    }};
    (@write $out:ident $ty:ident $arm:ident) => { $arm.write_json($out) };
    (@parse $value:ident $text:literal $arm:ident) => { Self::$arm };
    (@parse $value:ident $text:literal $arm:ident $ty:ident) => {
        Self::$arm($ty::parse_json($value).map_err(|error| error.context($text))?)
    };
    (@init $arm:ident) => { Self::$arm };
    (@init $arm:ident $ty:ident) => { Self::$arm($ty::default()) };
    (@pattern $arm:ident) => { Self::$arm };
    (@pattern $arm:ident $ty:ident) => { Self::$arm(_) };
}

/// Moves deprecated members to their successors; returns an error from the function around it.
macro_rules! move_members {
    ($old:ident, $new:ident { $($from:ident => $to:ident,)* }) => {
        $(crate::types::builtin::move_member(stringify!($from), &mut $old.$from, &mut $new.$to)?;)*
    };
}

pub(crate) use {move_members, native_enum, native_struct, native_union};
