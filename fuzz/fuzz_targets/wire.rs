//! The decoder of both directions: it never panics, takes no more than is there, and what it took
//! encodes to what decodes to the same.

#![no_main]

use guest_api::wire::{Message, ToAgent, ToGuest, decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((direction, frames)) = data.split_first() else {
        return;
    };
    if direction & 1 == 0 {
        read::<ToGuest<'_>>(frames);
    } else {
        read::<ToAgent<'_>>(frames);
    }
});

fn read<'a, M>(mut rest: &'a [u8])
where
    M: Message<'a> + PartialEq + std::fmt::Debug,
    for<'b> ToGuest<'b>: Message<'b>,
{
    while let Ok(Some((id, message, len))) = decode::<M>(rest) {
        assert!(len <= rest.len() && len >= 9);
        // Short of its end it is not there yet.
        assert!(matches!(decode::<M>(&rest[..len - 1]), Ok(None)));
        let mut again = Vec::new();
        encode(id, &message, &mut again);
        assert_eq!(again.len(), len);
        // A refusal carries a number that only one of its kinds has.
        if again[..] != rest[..len] {
            assert_eq!(again[4], 68);
        }
        rest = &rest[len..];
    }
}
