//! `export!`: an exported function from its arguments' types and a safe body.

/// Defines exported functions. Their C types, their names in log lines, the panic boundary and the conversion of the
/// arguments follow from what is written once.
///
/// - `fn name(this, a: A, …) { body }`: gives a status. `this` is the context; the body gives `Result<()>`, or
///   `Result<c_int>` where success has values.
/// - `fn name(this, a: A, …) -> T [else failed] { body }`: gives what the body, a `Result<T>`, gives.
/// - `fn name(a: A, …) -> T [else failed] { body }`: has no context, and the body gives `T`.
///
/// idlgen compares prototypes only with functions that it can read; each function here brings a test that does it.
macro_rules! export {
    ($(
        $(#[$doc:meta])*
        fn $name:ident $arguments:tt $(-> $type:ty [else $failed:expr])? $body:block
    )*) => {$(
        $crate::export::export_one! {
            [$(#[$doc])*] $name $arguments [$($type, $failed)?] $body
        }
    )*};
}

macro_rules! export_one {
    ([$($doc:tt)*] $name:ident ($this:ident $(, $arg:ident: $kind:ty)* $(,)?) [] $body:block) => {
        $($doc)*
        ///
        /// # Safety
        /// `ctx` is NULL or a live context; each argument is what its type in [`crate::args`] asks for.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            ctx: *mut $crate::ctx::libxl_ctx,
            $($arg: <$kind as $crate::args::Arg>::Raw),*
        ) -> std::ffi::c_int {
            let call = ();
            $crate::boundary::status(ctx, stringify!($name), |$this| {
                let _ = $this;
                $crate::export::arguments!(call, ctx, $($arg: $kind),*);
                $body
            })
        }
        $crate::export::prototype!($name(*mut $crate::ctx::libxl_ctx $(, <$kind as $crate::args::Arg>::Raw)*) -> std::ffi::c_int);
    };
    (
        [$($doc:tt)*] $name:ident ($this:ident $(, $arg:ident: $kind:ty)* $(,)?) [$type:ty, $failed:expr] $body:block
    ) => {
        $($doc)*
        ///
        /// # Safety
        /// `ctx` is NULL or a live context; each argument is what its type in [`crate::args`] asks for.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            ctx: *mut $crate::ctx::libxl_ctx,
            $($arg: <$kind as $crate::args::Arg>::Raw),*
        ) -> $type {
            let call = ();
            $crate::boundary::value(ctx, stringify!($name), $failed, |$this| {
                let _ = $this;
                $crate::export::arguments!(call, ctx, $($arg: $kind),*);
                $body
            })
        }
        $crate::export::prototype!($name(*mut $crate::ctx::libxl_ctx $(, <$kind as $crate::args::Arg>::Raw)*) -> $type);
    };
    ([$($doc:tt)*] $name:ident ($($arg:ident: $kind:ty),* $(,)?) [$type:ty, $failed:expr] $body:block) => {
        $($doc)*
        ///
        /// # Safety
        /// Each argument is what its type in [`crate::args`] asks for.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: <$kind as $crate::args::Arg>::Raw),*) -> $type {
            let call = ();
            $crate::boundary::plain(stringify!($name), $failed, || {
                $crate::export::arguments!(call, std::ptr::null_mut(), $($arg: $kind),*);
                $body
            })
        }
        $crate::export::prototype!($name($(<$kind as $crate::args::Arg>::Raw),*) -> $type);
    };
}

/// Shadows each raw argument with the value of its type.
macro_rules! arguments {
    ($call:ident, $ctx:expr, $($arg:ident: $kind:ty),*) => {
        let _ = &$call;
        $(
            let at = $crate::args::At::new(&$call, $ctx, stringify!($arg));
            // SAFETY: the exported function asks its caller for what the type asks for, until the call has ended.
            let $arg = unsafe { <$kind as $crate::args::FromRaw>::from_raw(at, $arg) };
        )*
    };
}

/// The test that a function is what capi/abi says.
macro_rules! prototype {
    ($name:ident($($argument:ty),*) -> $type:ty) => {
        #[cfg(test)]
        mod $name {
            #[allow(unused_imports, reason = "some functions take numbers only")]
            use super::*;

            #[test]
            fn prototype() {
                let arguments: &[&str] = &[$(std::any::type_name::<$argument>()),*];
                let returns = std::any::type_name::<$type>();
                $crate::export::prototypes::check(stringify!($name), arguments, returns);
            }
        }
    };
}

/// Defines exports that free a list: `name: type of an element`.
macro_rules! list_free {
    ($($name:ident: $type:ty;)*) => {
        $crate::export::export! {$(
            /// Frees a list that the getter of its type returned.
            fn $name(list: $crate::args::List<$type>, count: std::ffi::c_int) -> () [else ()] {
                // SAFETY: the caller says how long its list is.
                unsafe { list.free(count) };
            }
        )*}
    };
}

pub(crate) use {arguments, export, export_one, list_free, prototype};

#[cfg(test)]
pub(crate) mod prototypes {
    use std::path::Path;
    use std::sync::OnceLock;

    use xenlight_idl::abi;
    use xenlight_idl::signatures::Signature;

    /// Compares the types of a function with its prototype; all are given as the compiler calls them.
    pub(crate) fn check(name: &str, arguments: &[&str], returns: &str) {
        let arguments: Vec<String> = arguments.iter().map(|name| last_segments(name)).collect();
        let ours = (arguments, last_segments(returns));
        let theirs = declared(name).unwrap_or_else(|| panic!("capi/abi has no {name}"));
        assert_eq!(ours, theirs, "{name} here, and in capi/abi");
    }

    /// Argument types and result of the prototype that idlgen makes the headers of this release from.
    fn declared(name: &str) -> Option<(Vec<String>, String)> {
        static ABI: OnceLock<Vec<Signature>> = OnceLock::new();
        let all = ABI.get_or_init(|| {
            let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            let release = xenlight_release::chosen().expect("the release that this is built for");
            abi::prototypes_of(&top, release.version).expect("the table of prototypes")
        });
        let prototype = all.iter().find(|prototype| prototype.name == name)?;
        let arguments = prototype.parameters.split(", ");
        let types =
            arguments.filter_map(|argument| Some(compilers_name(argument.split_once(": ")?.1)));
        let returns = match prototype.returns.trim_start_matches(" -> ") {
            "" => "()".to_owned(),
            some => compilers_name(some),
        };
        Some((types.collect(), returns))
    }

    /// Types of prototypes by the compiler's names, on x86-64.
    fn compilers_name(name: &str) -> String {
        let words = name.split_whitespace().map(|word| match word {
            "c_int" => "i32",
            "c_uint" => "u32",
            "c_ulong" => "u64",
            "c_char" => "i8",
            // Other names of the same.
            "libxl_psr_type" => "libxl_psr_cbm_type",
            "libxl_ev_user" => "u64",
            other => other,
        });
        words.collect::<Vec<_>>().join(" ").replace("* ", "*")
    }

    /// Without the modules that a type is in.
    fn last_segments(name: &str) -> String {
        let last = |word: &str| word.rsplit("::").next().unwrap_or(word).to_owned();
        let words: Vec<_> = name.split_whitespace().map(last).collect();
        words.join(" ")
    }

    #[test]
    fn a_difference_is_seen() {
        let ctx = "*mut xenlight_capi::ctx::libxl_ctx";
        check("libxl_get_free_memory", &[ctx, "*mut u64"], "i32");
        for (arguments, returns) in [
            (&[ctx, "*mut u32"][..], "i32"),
            (&[ctx, "*const u64"], "i32"),
            (&[ctx], "i32"),
            (&[ctx, "*mut u64"], "()"),
        ] {
            let compared =
                std::panic::catch_unwind(|| check("libxl_get_free_memory", arguments, returns));
            assert!(compared.is_err(), "{arguments:?} -> {returns}");
        }
    }
}
