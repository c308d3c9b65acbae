//! An input as a list of things to do: what cannot be had from one call alone, a page that changes between two.

/// More than this is not done of one input.
const STEPS: usize = 2000;

/// Numbers and bytes off the front of an input; zeros, and fewer bytes, when it is over.
pub(crate) struct Script<'a> {
    rest: &'a [u8],
    steps: usize,
}

impl<'a> Script<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self {
            rest: data,
            steps: 0,
        }
    }

    /// The number of the next thing to do, below `kinds`; `None` at the end.
    pub(crate) fn step(&mut self, kinds: u8) -> Option<u8> {
        self.steps += 1;
        (!self.rest.is_empty() && self.steps <= STEPS).then(|| self.byte() % kinds)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (now, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        now
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let bytes = self.bytes(N);
        array[..bytes.len()].copy_from_slice(bytes);
        array
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.array::<1>()[0]
    }

    pub(crate) fn half(&mut self) -> u16 {
        u16::from_le_bytes(self.array())
    }

    pub(crate) fn word(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    /// Bytes of the input, as many as the next one says.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let count = self.byte();
        self.bytes(usize::from(count))
    }
}
