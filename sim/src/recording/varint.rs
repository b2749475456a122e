//! Variable-length integers as postcard writes them: seven bits a byte, low ones first, the high bit set on
//! all bytes but the last. Signed ones zigzag: 0, -1, 1, -2, ...

/// Most bytes a 64-bit value takes.
pub(super) const VARINT_BYTES_MAX: usize = 10;

/// Appends `value` in its shortest form.
pub(super) fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes one value off the front, if it is there in its shortest form.
pub(super) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for (i, &byte) in bytes.iter().enumerate().take(VARINT_BYTES_MAX) {
        let bits = u64::from(byte & 0x7f);
        let too_wide = i == VARINT_BYTES_MAX - 1 && bits > 1;
        let not_shortest = i > 0 && byte == 0;
        if too_wide || not_shortest {
            return None;
        }
        value |= bits << (7 * i);
        if byte < 0x80 {
            *bytes = &bytes[i + 1..];
            return Some(value);
        }
    }
    None
}

/// The unsigned form of a signed value: small either way stays small.
pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The signed value of an unsigned form.
pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_shortest_form_is_read() {
        for bytes in
            [&[][..], &[0x80], &[0x80, 0], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]]
        {
            assert_eq!(take(&mut &bytes[..]), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn values_read_back_and_look_like_postcard(value: u64, signed: i64) {
            let mut bytes = Vec::new();
            put(&mut bytes, value);
            prop_assert_eq!(&bytes, &postcard::to_stdvec(&value).unwrap());
            let mut rest = &bytes[..];
            prop_assert_eq!(take(&mut rest), Some(value));
            prop_assert!(rest.is_empty());
            prop_assert_eq!(unzigzag(zigzag(signed)), signed);
            bytes.clear();
            put(&mut bytes, zigzag(signed));
            prop_assert_eq!(&bytes, &postcard::to_stdvec(&signed).unwrap());
        }
    }
}
