//! A fast hash for names and texts of patterns: the multiply-and-rotate of `FxHash`. Only what patterns contain is inserted, so that events
//! cannot make the tables slow.
use std::hash::{BuildHasherDefault, Hasher};

/// A map with the fast hash.
pub(crate) type Map<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Fast>>;
/// A set with the fast hash.
pub(crate) type Set<K> = std::collections::HashSet<K, BuildHasherDefault<Fast>>;

/// The hasher.
#[derive(Default)]
pub(crate) struct Fast(u64);

impl Fast {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x51_7c_c1_b7_27_22_0a_95);
    }
}

impl Hasher for Fast {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.add(u64::from_le_bytes(last));
    }

    fn write_u8(&mut self, byte: u8) {
        self.add(u64::from(byte));
    }

    fn finish(&self) -> u64 {
        // Tables take the low bits, and the multiplication fills the high ones.
        self.0.rotate_left(26)
    }
}
