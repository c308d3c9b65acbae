//! The C side of the types that libxl writes by hand and its description only names.

use std::ffi::{c_char, c_int};
use std::ptr::null_mut;

use xenlight::types::{Bitmap, CpuidPolicyList, EvUser, Mac, Uuid};
use xenlight::{Error, Result};

use super::convert::{CType, copy_string};
use crate::mem;

/// The event that a hook gets; the application may have it declared as const.
pub type libxl_occurred_event = super::libxl_event;
/// A [`super::libxl_sigchld_owner`] as C passes it, where it can be any number.
pub type libxl_sigchld_owner_raw = c_int;
/// A domain's number.
pub type libxl_domid = u32;
/// A device's number; -1 when it is to be chosen.
pub type libxl_devid = c_int;

/// C's `bool`, tolerant of bytes other than 0 and 1.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct CBool(pub u8);

/// Yes, no, or what the library thinks best: above, below, or 0.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_defbool {
    /// 1, -1 or 0.
    pub val: c_int,
}

/// A UUID, most significant byte first.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_uuid {
    /// The bytes.
    pub uuid: [u8; 16],
}

/// An Ethernet address.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_mac(pub [u8; 6]);

/// CPU capability words.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_hwcap(pub [u32; 8]);

/// Microsoft's VM generation ID.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_ms_vm_genid {
    /// The bytes.
    pub bytes: [u8; 16],
}

/// A set of small numbers.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_bitmap {
    /// In bytes.
    pub size: u32,
    /// Bit N is bit N % 8 of byte N / 8.
    pub map: *mut u8,
}

/// Strings up to a NULL.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_string_list(pub *mut *mut c_char);

/// Keys and values in turn up to a NULL key; a value may be NULL.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_key_value_list(pub *mut *mut c_char);

/// What a CPUID policy list points to; opaque to C, so it holds the native one.
#[derive(Clone, Debug, Default)]
pub struct libxl__cpu_policy(pub(crate) CpuidPolicyList);

/// A CPUID and MSR policy; NULL for none.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_cpuid_policy_list(pub *mut libxl__cpu_policy);

/// What the application wants back with an event.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_ev_user(pub u64);

/// The link of an event in the library's queue.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct libxl_ev_link {
    tqe_next: *mut super::libxl_event,
    tqe_prev: *mut *mut super::libxl_event,
}

/// An enumeration that holds 0 until it is set, though none of its enumerators is 0.
#[repr(transparent)]
#[derive(Clone, Copy, Debug)]
pub struct OrUnset<E>(pub E);

/// Types without memory of their own: `deep_copy` copies the bytes, `dispose` writes the zero value.
macro_rules! flat_c_type {
    ($ty:ident, $native:ty, $zero:expr, |$c:ident| $to:expr, |$n:ident| $from:expr) => {
        impl CType for $ty {
            type Native = $native;

            unsafe fn to_native(&self) -> Result<$native> {
                let $c = self;
                $to
            }

            fn from_native($n: &$native) -> Self {
                $from
            }

            unsafe fn dispose(&mut self) {
                *self = $zero;
            }

            unsafe fn deep_copy(&self, dst: *mut Self) {
                // SAFETY: `dst` is valid for writing by the caller's promise.
                unsafe { dst.write(*self) };
            }
        }
    };
}

flat_c_type!(CBool, bool, CBool(0), |c| Ok(c.0 != 0), |n| CBool(
    u8::from(*n)
));
flat_c_type!(
    libxl_defbool,
    Option<bool>,
    libxl_defbool { val: 0 },
    |c| Ok(match c.val {
        0 => None,
        val => Some(val > 0),
    }),
    |n| libxl_defbool {
        val: match n {
            None => 0,
            Some(true) => 1,
            Some(false) => -1,
        },
    }
);
flat_c_type!(
    libxl_uuid,
    Uuid,
    libxl_uuid { uuid: [0; 16] },
    |c| Ok(Uuid(c.uuid)),
    |n| libxl_uuid { uuid: n.0 }
);
flat_c_type!(libxl_mac, Mac, libxl_mac([0; 6]), |c| Ok(Mac(c.0)), |n| {
    libxl_mac(n.0)
});
flat_c_type!(
    libxl_hwcap,
    [u32; 8],
    libxl_hwcap([0; 8]),
    |c| Ok(c.0),
    |n| libxl_hwcap(*n)
);
flat_c_type!(
    libxl_ms_vm_genid,
    [u8; 16],
    libxl_ms_vm_genid { bytes: [0; 16] },
    |c| Ok(c.bytes),
    |n| libxl_ms_vm_genid { bytes: *n }
);
flat_c_type!(
    libxl_ev_user,
    EvUser,
    libxl_ev_user(0),
    |c| Ok(EvUser(c.0)),
    |n| libxl_ev_user(n.0)
);

/// An enumeration in C, which can hold any number.
pub(crate) trait CEnum: CType {
    /// The number.
    fn raw(self) -> c_int;
    /// From a number that need not be an enumerator's.
    fn from_raw(raw: c_int) -> Self;
}

impl<E: CEnum> CType for OrUnset<E> {
    type Native = Option<E::Native>;

    unsafe fn to_native(&self) -> Result<Self::Native> {
        match self.0.raw() {
            0 => Ok(None),
            // SAFETY: an enumeration has no pointers.
            _ => unsafe { self.0.to_native() }.map(Some),
        }
    }

    fn from_native(native: &Self::Native) -> Self {
        OrUnset(native.as_ref().map_or(E::from_raw(0), E::from_native))
    }

    unsafe fn dispose(&mut self) {
        *self = OrUnset(E::from_raw(0));
    }

    unsafe fn deep_copy(&self, dst: *mut Self) {
        // SAFETY: `dst` is valid for writing by the caller's promise.
        unsafe { dst.write(*self) };
    }
}

impl libxl_bitmap {
    /// The bytes; none where the map is missing.
    ///
    /// # Safety
    /// `map` is NULL or points to `size` bytes that live as long as the result is used.
    pub(crate) unsafe fn bytes<'a>(&self) -> &'a [u8] {
        if self.map.is_null() {
            return &[];
        }
        // SAFETY: not NULL, so `size` bytes by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.map, self.size as usize) }
    }

    /// A map of its own memory with these bytes.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        // Bitmaps are limited far below 4 GiB wherever they are made.
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self {
            size,
            map: mem::slice(&bytes[..size as usize]),
        }
    }
}

impl CType for libxl_bitmap {
    type Native = Bitmap;

    unsafe fn to_native(&self) -> Result<Bitmap> {
        if self.map.is_null() && self.size > 0 {
            return Err(Error::inval(format!(
                "a bitmap of {} bytes, but no map",
                self.size
            )));
        }
        // SAFETY: the map is NULL or has `size` bytes, by the caller's promise.
        let bytes = unsafe { self.bytes() }.to_vec();
        Ok(Bitmap { bytes })
    }

    fn from_native(native: &Bitmap) -> Self {
        Self::from_bytes(&native.bytes)
    }

    unsafe fn dispose(&mut self) {
        // SAFETY: NULL or malloc'd, and nobody else frees it, by the caller's promise.
        unsafe { libc::free(self.map.cast()) };
        *self = Self {
            size: 0,
            map: null_mut(),
        };
    }

    unsafe fn deep_copy(&self, dst: *mut Self) {
        // SAFETY: `self` is a bitmap and `dst` valid for writing, by the caller's promise.
        unsafe { dst.write(Self::from_bytes(self.bytes())) };
    }
}

/// The strings up to the NULL; none for a NULL list.
///
/// # Safety
/// `list` is NULL or an array of C strings that ends with NULL.
unsafe fn list_items(list: *mut *mut c_char) -> impl Iterator<Item = *mut c_char> {
    let mut next = list;
    std::iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        // SAFETY: the end has not been reached, so this is an entry of the list.
        let item = unsafe { *next };
        if item.is_null() {
            return None;
        }
        // SAFETY: an entry that is not the end has one after it.
        next = unsafe { next.add(1) };
        Some(item)
    })
}

/// Pairs up to a NULL key; none for a NULL list.
///
/// # Safety
/// `list` is NULL or an array of C strings, keys and values in turn, that ends with a NULL key.
unsafe fn list_pairs(list: *mut *mut c_char) -> impl Iterator<Item = [*mut c_char; 2]> {
    let mut next = list;
    std::iter::from_fn(move || {
        if next.is_null() {
            return None;
        }
        // SAFETY: the end has not been reached, so this is a key or the end.
        let key = unsafe { *next };
        if key.is_null() {
            return None;
        }
        // SAFETY: a key has a value and another key or the end after it.
        let value = unsafe { *next.add(1) };
        // SAFETY: as above.
        next = unsafe { next.add(2) };
        Some([key, value])
    })
}

/// A malloc'd list of these strings and a NULL; NULL for none.
fn make_list(mut items: Vec<*mut c_char>) -> *mut *mut c_char {
    if items.is_empty() {
        return null_mut();
    }
    items.push(null_mut());
    mem::array(items)
}

impl libxl_string_list {
    /// How many strings there are.
    ///
    /// # Safety
    /// The list is NULL or ends with NULL.
    pub(crate) unsafe fn len(&self) -> usize {
        // SAFETY: the list is NULL or ends with NULL, by the caller's promise.
        unsafe { list_items(self.0) }.count()
    }
}

impl CType for libxl_string_list {
    type Native = Vec<String>;

    unsafe fn to_native(&self) -> Result<Vec<String>> {
        // SAFETY: a list by the caller's promise.
        let items = unsafe { list_items(self.0) };
        items
            // SAFETY: an entry before the end is a C string.
            .map(|item| unsafe { item.to_native() }.map(Option::unwrap_or_default))
            .collect()
    }

    fn from_native(native: &Vec<String>) -> Self {
        Self(make_list(
            native.iter().map(|item| mem::string(item)).collect(),
        ))
    }

    unsafe fn dispose(&mut self) {
        // SAFETY: a list by the caller's promise.
        for item in unsafe { list_items(self.0) } {
            // SAFETY: malloc'd, and nobody else frees it.
            unsafe { libc::free(item.cast()) };
        }
        // SAFETY: the list itself is NULL or malloc'd.
        unsafe { libc::free(self.0.cast()) };
        self.0 = null_mut();
    }

    unsafe fn deep_copy(&self, dst: *mut Self) {
        // SAFETY: a list by the caller's promise.
        let items = unsafe { list_items(self.0) };
        // SAFETY: an entry before the end is a C string.
        let copies = items.map(|item| unsafe { copy_string(item) }).collect();
        // SAFETY: `dst` is valid for writing by the caller's promise.
        unsafe { dst.write(Self(make_list(copies))) };
    }
}

impl libxl_key_value_list {
    /// How many pairs there are.
    ///
    /// # Safety
    /// The list is NULL or ends with a NULL key.
    pub(crate) unsafe fn len(&self) -> usize {
        // SAFETY: the list is NULL or ends with a NULL key, by the caller's promise.
        unsafe { list_pairs(self.0) }.count()
    }
}

impl CType for libxl_key_value_list {
    type Native = Vec<(String, Option<String>)>;

    unsafe fn to_native(&self) -> Result<Self::Native> {
        // SAFETY: a list by the caller's promise.
        let pairs = unsafe { list_pairs(self.0) };
        pairs
            .map(|[key, value]| {
                // SAFETY: a key before the end is a C string.
                let key = unsafe { key.to_native() }?.unwrap_or_default();
                // SAFETY: a value is NULL or a C string.
                Ok((key, unsafe { value.to_native() }?))
            })
            .collect()
    }

    fn from_native(native: &Self::Native) -> Self {
        let strings = |(key, value): &(String, Option<String>)| {
            [mem::string(key), mem::optional_string(value.as_deref())]
        };
        Self(make_list(native.iter().flat_map(strings).collect()))
    }

    unsafe fn dispose(&mut self) {
        // SAFETY: a list by the caller's promise.
        for item in unsafe { list_pairs(self.0) }.flatten() {
            // SAFETY: NULL or malloc'd, and nobody else frees it.
            unsafe { libc::free(item.cast()) };
        }
        // SAFETY: the list itself is NULL or malloc'd.
        unsafe { libc::free(self.0.cast()) };
        self.0 = null_mut();
    }

    unsafe fn deep_copy(&self, dst: *mut Self) {
        // SAFETY: a list by the caller's promise.
        let items = unsafe { list_pairs(self.0) }.flatten();
        // SAFETY: NULL or a C string.
        let copies = items.map(|item| unsafe { copy_string(item) }).collect();
        // SAFETY: `dst` is valid for writing by the caller's promise.
        unsafe { dst.write(Self(make_list(copies))) };
    }
}

impl libxl_cpuid_policy_list {
    /// The policy, where there is one.
    ///
    /// # Safety
    /// The pointer is NULL or came from this library, and nobody changes the policy meanwhile.
    pub(crate) unsafe fn policy<'a>(&self) -> Option<&'a CpuidPolicyList> {
        // SAFETY: NULL or a policy of ours, by the caller's promise.
        unsafe { self.0.as_ref() }.map(|policy| &policy.0)
    }

    /// The policy for changing; makes one where there is none.
    ///
    /// # Safety
    /// As for [`libxl_cpuid_policy_list::policy`]; nobody else uses it meanwhile.
    pub(crate) unsafe fn policy_mut<'a>(&mut self) -> &'a mut CpuidPolicyList {
        if self.0.is_null() {
            self.0 = Box::into_raw(Box::default());
        }
        // SAFETY: a policy of ours, and nobody else uses it, by the caller's promise.
        &mut unsafe { &mut *self.0 }.0
    }
}

impl CType for libxl_cpuid_policy_list {
    type Native = CpuidPolicyList;

    unsafe fn to_native(&self) -> Result<CpuidPolicyList> {
        // SAFETY: NULL or a policy of ours, by the caller's promise, which is copied at once.
        Ok(unsafe { self.policy() }.cloned().unwrap_or_default())
    }

    fn from_native(native: &CpuidPolicyList) -> Self {
        if native.is_empty() {
            return Self(null_mut());
        }
        Self(Box::into_raw(Box::new(libxl__cpu_policy(native.clone()))))
    }

    unsafe fn dispose(&mut self) {
        if !self.0.is_null() {
            // SAFETY: made by Box::into_raw in this file, and nobody else frees it, by the caller's promise.
            drop(unsafe { Box::from_raw(self.0) });
            self.0 = null_mut();
        }
    }

    unsafe fn deep_copy(&self, dst: *mut Self) {
        // SAFETY: `self` is NULL or a policy of ours, by the caller's promise.
        let copy = unsafe { self.0.as_ref() }.map(|policy| Box::into_raw(Box::new(policy.clone())));
        // SAFETY: `dst` is valid for writing by the caller's promise.
        unsafe { dst.write(Self(copy.unwrap_or(null_mut()))) };
    }
}
