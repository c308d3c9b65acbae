//! How the generated files spell types: one macro for each of the three sorts the description knows.

/// An enumeration: `Name default Variant { Variant = number => "text", … }`.
macro_rules! native_enum {
    ($(#[$meta:meta])* $name:ident $(default $default:ident)? {
        $($variant:ident = $value:literal => $text:literal,)*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        #[allow(missing_docs, reason = "the enumerators are libxl.h's")]
        pub enum $name {
            $($variant = $value,)*
        }

        impl $name {
            /// All enumerators, in the order of libxl.h.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The number that C programs see.
            pub const fn raw(self) -> i32 {
                self as i32
            }

            /// The enumerator with this number.
            pub const fn from_raw(raw: i32) -> Option<Self> {
                match raw {
                    $($value => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The name in JSON and in configuration files.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The enumerator with this name, whatever the case of its ASCII letters.
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
    };
}

/// A struct: `Name { field: Type = what init sets, … }`. A member marked `(unmanaged)` stays out of JSON.
macro_rules! native_struct {
    ($(#[$meta:meta])* $name:ident {
        $($field:ident $(($how:ident))? : $ty:ty $(= $init:expr)?,)*
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
    };
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
        }
    };
    (@init $arm:ident) => { Self::$arm };
    (@init $arm:ident $ty:ident) => { Self::$arm($ty::default()) };
    (@pattern $arm:ident) => { Self::$arm };
    (@pattern $arm:ident $ty:ident) => { Self::$arm(_) };
}

pub(crate) use {native_enum, native_struct, native_union};
