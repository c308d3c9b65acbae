//! `export!`: an exported function from its arguments' types and a safe body.

/// Defines exported functions. Their C types, their names in log lines, the panic boundary and the conversion of the
/// arguments follow from what is written once.
///
/// - `fn name(this, a: A, …) { body }`: gives a status. `this` is the context; the body gives `Result<()>`, or
///   `Result<c_int>` where success has values.
/// - `fn name(this, a: A, …) -> T [else failed] { body }`: gives what the body, a `Result<T>`, gives.
/// - `fn name(this, a: A, …) -> T [by path] { body }`: gives what the function at `path` makes of the context, the name and the body.
/// - `fn name(a: A, …) -> T [else failed] { body }`: has no context, or one that may be missing, and the body gives `T`.
///
/// `a: A[n]` is an array, as long as `n` says: another argument, or a number.
///
/// Each function brings a test that compares it with its prototype. idlgen refuses exports that are defined in another way.
macro_rules! export {
    ($(
        $(#[$doc:meta])*
        fn $name:ident $arguments:tt $(-> $type:ty [$how:ident $with:expr])? $body:block
    )*) => {$(
        $crate::export::export_one! {
            [$(#[$doc])*] $name $arguments [$($type, $how $with)?] $body
        }
    )*};
}

macro_rules! export_one {
    (
        [$($doc:tt)*] $name:ident ($this:ident $(, $arg:ident: $kind:ty $([$count:expr])?)* $(,)?) [] $body:block
    ) => {
        $crate::export::export_one! {
            @ctx [$($doc)*] $name ($this $(, $arg: $kind $([$count])?)*) [std::ffi::c_int]
            [|ctx, body| $crate::boundary::status(ctx, stringify!($name), body)] $body
        }
    };
    (
        [$($doc:tt)*] $name:ident ($this:ident $(, $arg:ident: $kind:ty $([$count:expr])?)* $(,)?)
        [$type:ty, else $failed:expr] $body:block
    ) => {
        $crate::export::export_one! {
            @ctx [$($doc)*] $name ($this $(, $arg: $kind $([$count])?)*) [$type]
            [|ctx, body| $crate::boundary::value(ctx, stringify!($name), $failed, body)] $body
        }
    };
    (
        [$($doc:tt)*] $name:ident ($this:ident $(, $arg:ident: $kind:ty $([$count:expr])?)* $(,)?)
        [$type:ty, by $path:expr] $body:block
    ) => {
        $crate::export::export_one! {
            @ctx [$($doc)*] $name ($this $(, $arg: $kind $([$count])?)*) [$type]
            [|ctx, body| $path(ctx, stringify!($name), body)] $body
        }
    };
    (
        @ctx [$($doc:tt)*] $name:ident ($this:ident $(, $arg:ident: $kind:ty $([$count:expr])?)*) [$type:ty]
        [|$ctx:ident, $given:ident| $call:expr] $body:block
    ) => {
        $($doc)*
        ///
        /// # Safety
        /// `ctx` is NULL or a live context; each argument is what its type in [`crate::args`] asks for.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            $ctx: *mut $crate::ctx::libxl_ctx,
            $($arg: <$kind as $crate::args::Arg>::Raw),*
        ) -> $type {
            let call = ();
            let $given = |$this: &$crate::ctx::libxl_ctx| {
                let _ = $this;
                $crate::export::arguments!(call, $ctx, $($arg: $kind $([$count])?),*);
                $body
            };
            $call
        }
        $crate::export::prototype!($name(*mut $crate::ctx::libxl_ctx $(, <$kind as $crate::args::Arg>::Raw)*) -> $type);
    };
    (
        [$($doc:tt)*] $name:ident ($($arg:ident: $kind:ty $([$count:expr])?),* $(,)?) [$type:ty, else $failed:expr] $body:block
    ) => {
        $($doc)*
        ///
        /// # Safety
        /// Each argument is what its type in [`crate::args`] asks for.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($arg: <$kind as $crate::args::Arg>::Raw),*) -> $type {
            let call = ();
            $crate::boundary::plain(stringify!($name), $failed, || {
                $crate::export::arguments!(call, std::ptr::null_mut(), $($arg: $kind $([$count])?),*);
                $body
            })
        }
        $crate::export::prototype!($name($(<$kind as $crate::args::Arg>::Raw),*) -> $type);
    };
}

/// Shadows each raw argument with the value of its type.
macro_rules! arguments {
    ($call:ident, $ctx:expr, $($arg:ident: $kind:ty $([$count:expr])?),*) => {
        let _ = &$call;
        $(
            let at = $crate::args::At::new(&$call, $ctx, stringify!($arg))$(.counted(&$count))?;
            // SAFETY: the exported function asks its caller for what the type asks for, until the call has ended.
            let $arg = unsafe { <$kind as $crate::args::FromRaw>::from_raw(at, $arg) };
        )*
        // The body need not know how long an array is.
        $($(let _ = &$count;)?)*
    };
}

/// The test that a function is what capi/abi says.
macro_rules! prototype {
    ($name:ident($($argument:ty),*) -> $type:ty) => {
        #[cfg(test)]
        #[allow(non_snake_case, reason = "the function's name")]
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
            fn $name(list: $crate::args::List<$type>[count], count: std::ffi::c_int) -> () [else ()] {
                list.free();
            }
        )*}
    };
}

pub(crate) use {arguments, export, export_one, list_free, prototype};

#[cfg(test)]
pub(crate) mod prototypes {
    use std::path::Path;
    use std::sync::OnceLock;

    use xenlight_idl::signatures::Signature;
    use xenlight_idl::{abi, bindings, parse};

    use crate::types::libxl_event_predicate;

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
            let mut all =
                abi::prototypes_of(&top, release.version).expect("the table of prototypes");
            let idl = std::fs::read_to_string(top.join("idl/libxl.idl")).expect("the description");
            let idl = parse::parse(&idl, &xenlight_release::versions()).expect("its types");
            all.extend(bindings::functions(&idl.cut(release.version)));
            all
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
            "c_short" => "i16",
            "pid_t" | "yajl_gen_status" | "xentoollog_level" => "i32",
            "ssize_t" => "isize",
            "YajlGenPtr" => "*mut YajlGen",
            // Other names of the same.
            "libxl_psr_type" => "libxl_psr_cbm_type",
            "libxl_ev_user" => "u64",
            other => other,
        });
        let name = words.collect::<Vec<_>>().join(" ").replace("* ", "*");
        // C points to a function's type, where Rust has a pointer that may be missing.
        match &*name {
            "*mut libxl_event_predicate" => {
                last_segments(std::any::type_name::<libxl_event_predicate>())
            }
            _ => name,
        }
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
