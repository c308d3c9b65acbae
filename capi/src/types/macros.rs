//! How the generated files spell the C side of a type: one macro for each of the three sorts the description knows.

/// An enumeration: `libxl_name => Native`. In C it is an `int`, which can hold any number.
///
/// `zero Variant` says what a 0 means that is no enumerator: programs that never called `init` leave it there.
macro_rules! c_enum {
    ($(#[$meta:meta])* $name:ident => $native:ident $(zero $zero:ident)?) => {
        $(#[$meta])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(pub c_int);

        impl CType for $name {
            type Native = types::$native;

            unsafe fn to_native(&self) -> Result<types::$native> {
                $(if self.0 == 0 {
                    return Ok(types::$native::$zero);
                })?
                types::$native::from_raw(self.0).ok_or_else(|| {
                    Error::inval(format!(concat!("{} is not a ", stringify!($name)), self.0))
                })
            }

            fn from_native(native: &types::$native) -> Self {
                Self(native.raw())
            }

            unsafe fn dispose(&mut self) {
                self.0 = 0;
            }

            unsafe fn deep_copy(&self, dst: *mut Self) {
                // SAFETY: `dst` is valid for writing by the caller's promise.
                unsafe { dst.write(*self) };
            }
        }

        impl CEnum for $name {
            fn raw(self) -> c_int {
                self.0
            }

            fn from_raw(raw: c_int) -> Self {
                Self(raw)
            }
        }
    };
}

/// A struct: `libxl_name => Native { member: Type, … }`.
///
/// `(count)` is the length of an array and `(key)` says which arm of a union holds; `(array N)` and `(union K)` name
/// them. `(unmanaged)` is the caller's alone, `(private)` the library's own. `#[cfg(since_4_18)]` stands before members that not all
/// releases have.
macro_rules! c_struct {
    ($(#[$meta:meta])* $name:ident => $native:ident {
        $($(#[cfg($release:meta)])? $field:ident $(($($how:tt)+))? : $ty:ty,)*
    }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy)]
        #[allow(missing_docs, reason = "the members are libxl.h's")]
        pub struct $name {
            $($(#[cfg($release)])? pub $field: $ty,)*
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        impl CType for $name {
            type Native = types::$native;

            unsafe fn to_native(&self) -> Result<types::$native> {
                let mut native = types::$native::default();
                // SAFETY: each member is valid because the struct is.
                unsafe {
                    $($(#[cfg($release)])? c_struct!(@to_native [$($($how)+)?] self native $field);)*
                }
                Ok(native)
            }

            fn from_native(native: &types::$native) -> Self {
                // SAFETY: all zero bytes are a valid value of every C type here.
                let mut c: Self = unsafe { std::mem::zeroed() };
                $($(#[cfg($release)])? c_struct!(@from_native [$($($how)+)?] c native $field $ty);)*
                c
            }

            unsafe fn dispose(&mut self) {
                // SAFETY: each member is the caller's to free because the struct is.
                unsafe {
                    $($(#[cfg($release)])? c_struct!(@dispose [$($($how)+)?] self $field);)*
                }
                // SAFETY: as in `from_native`; the members hold nothing any more.
                *self = unsafe { std::mem::zeroed() };
            }

            unsafe fn deep_copy(&self, dst: *mut Self) {
                // SAFETY: each member is valid because the struct is, and `dst` is valid for writing.
                unsafe {
                    $($(#[cfg($release)])? c_struct!(@copy [$($($how)+)?] self dst $field);)*
                }
            }

            fn keep_unmanaged(&mut self, old: &Self) {
                $($(#[cfg($release)])? c_struct!(@keep [$($($how)+)?] self old $field);)*
                let _ = old;
            }
        }
    };

    (@to_native [] $c:ident $native:ident $field:ident) => {
        $native.$field = $c.$field.to_native().map_err(|e| e.context(stringify!($field)))?
    };
    (@to_native [array $count:ident] $c:ident $native:ident $field:ident) => {
        $native.$field = array_to_native($c.$field, $c.$count).map_err(|e| e.context(stringify!($field)))?
    };
    (@to_native [union $key:ident] $c:ident $native:ident $field:ident) => {
        $native.$field = $c.$field.read_arm($c.$key)?
    };
    (@to_native [$other:ident] $c:ident $native:ident $field:ident) => {};

    (@from_native [] $c:ident $native:ident $field:ident $ty:ty) => {
        $c.$field = <$ty as CType>::from_native(&$native.$field)
    };
    (@from_native [array $count:ident] $c:ident $native:ident $field:ident $ty:ty) => {
        ($c.$field, $c.$count) = array_from_native(&$native.$field)
    };
    (@from_native [union $key:ident] $c:ident $native:ident $field:ident $ty:ty) => {
        ($c.$key, $c.$field) = <$ty>::from_native(&$native.$field)
    };
    (@from_native [$other:ident] $c:ident $native:ident $field:ident $ty:ty) => {};

    (@dispose [] $c:ident $field:ident) => { $c.$field.dispose() };
    (@dispose [array $count:ident] $c:ident $field:ident) => { dispose_array($c.$field, $c.$count) };
    (@dispose [union $key:ident] $c:ident $field:ident) => { $c.$field.dispose($c.$key) };
    (@dispose [$other:ident] $c:ident $field:ident) => {};

    (@copy [] $c:ident $dst:ident $field:ident) => { $c.$field.deep_copy(&raw mut (*$dst).$field) };
    (@copy [array $count:ident] $c:ident $dst:ident $field:ident) => {
        let (items, count) = copy_array($c.$field, $c.$count);
        (&raw mut (*$dst).$field).write(items);
        (&raw mut (*$dst).$count).write(count)
    };
    (@copy [union $key:ident] $c:ident $dst:ident $field:ident) => {
        (&raw mut (*$dst).$key).write($c.$key);
        (&raw mut (*$dst).$field).write($c.$field.copy($c.$key))
    };
    (@copy [$other:ident] $c:ident $dst:ident $field:ident) => {};

    (@keep [] $c:ident $old:ident $field:ident) => { $c.$field.keep_unmanaged(&$old.$field) };
    (@keep [union $key:ident] $c:ident $old:ident $field:ident) => {
        if $c.$key == $old.$key {
            // SAFETY: both hold the arm that the key says, or zeros.
            unsafe { $c.$field.keep_unmanaged($c.$key, &$old.$field) }
        }
    };
    (@keep [unmanaged] $c:ident $old:ident $field:ident) => { $c.$field = $old.$field };
    (@keep [$other:ident $($more:ident)?] $c:ident $old:ident $field:ident) => {};
}

/// A union: `libxl_name_u by key_type (KeyEnum) => Native { member: Type = Arm, … } bare { Arm, … }`.
///
/// `unset Arm` adds the native arm for a key of 0 that is no enumerator.
macro_rules! c_union {
    ($(#[$meta:meta])* $name:ident by $key:ident ($key_native:ident) => $native:ident $(unset $unset:ident)? {
        $($field:ident: $ty:ty = $arm:ident,)*
    } bare { $($bare:ident,)* }) => {
        $(#[$meta])*
        #[repr(C)]
        #[derive(Clone, Copy)]
        #[allow(missing_docs, reason = "the arms are libxl.h's")]
        pub union $name {
            $(pub $field: $ty,)*
        }

        impl $name {
            /// A union without an arm.
            fn zeroed() -> Self {
                // SAFETY: all zero bytes are a valid value of every C type here.
                unsafe { std::mem::zeroed() }
            }

            /// # Safety
            /// The arm for `key` is valid as for `CType::to_native`.
            unsafe fn read_arm(&self, key: $key) -> Result<types::$native> {
                $(if key.0 == 0 {
                    return Ok(types::$native::$unset);
                })?
                // SAFETY: an enumeration has no pointers.
                match unsafe { key.to_native() }? {
                    // SAFETY: the key says that this arm holds, and it is valid by the caller's promise.
                    $(types::$key_native::$arm => unsafe { self.$field.to_native() }.map(types::$native::$arm),)*
                    $(types::$key_native::$bare => Ok(types::$native::$bare),)*
                }
            }

            /// # Safety
            /// The arm for `key` is the caller's to free.
            unsafe fn dispose(&mut self, key: $key) {
                match types::$key_native::from_raw(key.0) {
                    // SAFETY: the key says that this arm holds, and it is the caller's to free.
                    $(Some(types::$key_native::$arm) => unsafe { self.$field.dispose() },)*
                    _ => {}
                }
            }

            /// # Safety
            /// The arm for `key` is valid as for `CType::to_native`.
            unsafe fn copy(&self, key: $key) -> Self {
                let mut copy = Self::zeroed();
                match types::$key_native::from_raw(key.0) {
                    // SAFETY: the key says that this arm holds; all zeros make the same arm of the copy writable.
                    $(Some(types::$key_native::$arm) => unsafe { self.$field.deep_copy(&raw mut copy.$field) },)*
                    _ => {}
                }
                copy
            }

            /// # Safety
            /// The arm for `key` is initialised in both.
            unsafe fn keep_unmanaged(&mut self, key: $key, old: &Self) {
                match types::$key_native::from_raw(key.0) {
                    // SAFETY: the key says that this arm holds, in both.
                    $(Some(types::$key_native::$arm) => unsafe { self.$field.keep_unmanaged(&old.$field) },)*
                    _ => { let _ = old; }
                }
            }

            fn from_native(native: &types::$native) -> ($key, Self) {
                #[allow(unused_mut, reason = "not every union has a member with memory")]
                let mut c = Self::zeroed();
                let key = match native {
                    $(types::$native::$unset => return ($key(0), c),)?
                    $(types::$native::$arm(arm) => {
                        c.$field = <$ty>::from_native(arm);
                        types::$key_native::$arm
                    })*
                    $(types::$native::$bare => types::$key_native::$bare,)*
                };
                ($key::from_native(&key), c)
            }
        }
    };
}

pub(crate) use {c_enum, c_struct, c_union};
