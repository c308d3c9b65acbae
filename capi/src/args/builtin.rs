//! What more can be done with arguments of types that libxl writes by hand.

use std::ffi::c_int;

use xenlight::Result;
use xenlight::types::{Bitmap, CpuidPolicyList};

use super::{In, InOut, missing};
use crate::types::{
    libxl_bitmap, libxl_cpuid_policy_list, libxl_key_value_list, libxl_string_list,
};

/// A bitmap that is NULL or has no map has no bits.
impl<'a> In<'a, libxl_bitmap> {
    /// The bytes of the map.
    pub(crate) fn bytes(&self) -> &'a [u8] {
        // SAFETY: the map is what libxl.h says as long as the call lasts, by this type's promise.
        self.get().map_or(&[], |bitmap| unsafe { bitmap.bytes() })
    }

    /// The bits.
    pub(crate) fn bits(&self) -> Bitmap {
        Bitmap {
            bytes: self.bytes().to_vec(),
        }
    }
}

impl InOut<'_, libxl_bitmap> {
    /// How many bits the bitmap has room for.
    pub(crate) fn room(&self) -> Result<usize> {
        let map = self.get().ok_or_else(|| missing(self.name()))?;
        Ok(map.size as usize * 8)
    }

    /// Replaces the bits of the bitmap, which keeps its size; NULL is an error.
    pub(crate) fn fill(&self, bits: &Bitmap) -> Result<()> {
        self.room()?;
        self.overwrite(bits);
        Ok(())
    }

    /// Replaces the bits of the bitmap, which keeps its size.
    pub(crate) fn overwrite(&self, bits: &Bitmap) {
        for index in 0..self.bytes() {
            self.change_byte(index, |_| bits.bytes.get(index).copied().unwrap_or(0));
        }
    }

    /// How many bytes the map has.
    pub(crate) fn bytes(&self) -> usize {
        self.now().bytes().len()
    }

    /// Changes a bit by what `change` makes of its byte and its place there, if there is room for it.
    pub(crate) fn change_bit(&self, bit: c_int, change: impl Fn(u8, u8) -> u8) {
        if let Ok(bit) = usize::try_from(bit) {
            self.change_byte(bit / 8, |byte| change(byte, 1 << (bit % 8)));
        }
    }

    /// Changes a byte, if there is one.
    fn change_byte(&self, index: usize, change: impl FnOnce(u8) -> u8) {
        if let (Some(byte), Some(bitmap)) = (self.now().bytes().get(index).copied(), self.get()) {
            // SAFETY: `bytes` says that it is inside the map, which is the caller's to change, by this type's promise.
            unsafe { bitmap.map.add(index).write(change(byte)) };
        }
    }
}

impl InOut<'_, libxl_cpuid_policy_list> {
    /// Changes the policy, of which there is one afterwards; `None` for NULL.
    pub(crate) fn change_policy<R>(
        &self,
        change: impl FnOnce(&mut CpuidPolicyList) -> R,
    ) -> Option<R> {
        // SAFETY: NULL inside or a policy of the library's, which nobody else uses during the call, by this type's promise.
        self.change(|list| change(unsafe { list.policy_mut() }))
    }
}

impl In<'_, libxl_cpuid_policy_list> {
    /// How many CPUID leaves have rules.
    pub(crate) fn leaves(&self) -> usize {
        // SAFETY: NULL inside or a policy of the library's, which nobody changes during the call, by this type's promise.
        let policy = self.get().and_then(|list| unsafe { list.policy() });
        policy.map_or(0, |policy| policy.leaves.len())
    }
}

impl In<'_, libxl_string_list> {
    /// How many strings there are.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: the list is what libxl.h says, by this type's promise.
        self.get().map_or(0, |list| unsafe { list.len() })
    }
}

impl In<'_, libxl_key_value_list> {
    /// How many pairs there are.
    pub(crate) fn len(&self) -> usize {
        // SAFETY: the list is what libxl.h says, by this type's promise.
        self.get().map_or(0, |list| unsafe { list.len() })
    }
}
