//! Numbers that follow from a seed: the same inputs on every machine.

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64, class: u32, variant: usize) -> Self {
        let mut random = Self(seed ^ (u64::from(class) << 40) ^ (variant as u64));
        random.next();
        random
    }

    /// `SplitMix64`.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    pub fn of<T: Copy>(&mut self, choice: &[T]) -> T {
        choice[self.below(choice.len())]
    }

    /// Nothing that any system minds.
    pub fn word(&mut self) -> String {
        let len = 3 + self.below(6);
        (0..len)
            .map(|_| char::from(self.of(b"bdfghjkmpqrvwxyz")))
            .collect()
    }

    pub fn dirs(&mut self, most: usize) -> String {
        (0..self.below(most + 1))
            .map(|_| self.word() + "/")
            .collect()
    }
}
