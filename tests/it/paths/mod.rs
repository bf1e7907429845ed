//! Hostile paths: seventy classes of them, at every entrance, beside a tree that must not change.

mod census;
mod classes;
mod deletes;
mod directories;
mod guest;
mod naive;
mod races;
mod random;
mod rows;
mod scanned;
mod stub;
mod tars;
mod told;

use census::World;
use classes::{CLASSES, Expect, Input, VARIANTS};
use random::Random;

/// What every input follows from; a failure names class and variant too.
const SEED: u64 = 0x5eed_0f70_c1a5_5e5d;

/// Every input of every class that asks for something by a path, in one order.
fn inputs(world: &World) -> impl Iterator<Item = (&'static classes::Class, usize, Input)> {
    CLASSES.iter().flat_map(move |class| {
        (0..VARIANTS).map(move |variant| {
            let mut random = Random::new(SEED, class.number, variant);
            (class, variant, (class.make)(&mut random, world))
        })
    })
}
