//! The frames between the agent and the guest; both ends compile this one file.
//!
//! A frame is `u32 length | u8 kind | u32 id | fields`, little-endian; the length counts what
//! follows it. The id names an operation or a channel and is chosen by the agent. Nothing read here
//! is trusted: every length is checked against the bytes that are there.

/// Both ends must speak the same one; the agent replaces a container whose guest is older.
pub const VERSION: u8 = 3;
/// Content one frame carries at most: a whole small file, or a piece of a large one.
pub const CHUNK: usize = 256 * 1024;
/// A frame without its length: a chunk, and room for a path, a link target or an environment.
pub const MAX_FRAME: usize = CHUNK + 64 * 1024;
/// Bytes of a channel that may be under way in one direction.
pub const WINDOW: u32 = 256 * 1024;
/// Bytes of a channel in one frame, so that channels take turns.
pub const SLICE: usize = 64 * 1024;

const HEADER: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

type Result<T> = std::result::Result<T, Malformed>;

/// What is left of a frame's fields.
pub struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Malformed)
    }
}

pub trait Field<'a>: Sized {
    fn put(&self, out: &mut Vec<u8>);
    fn get(from: &mut Reader<'a>) -> Result<Self>;
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Field<'_> for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
            fn get(from: &mut Reader<'_>) -> Result<Self> {
                Ok(Self::from_le_bytes(from.array()?))
            }
        }
    )*};
}
numbers!(u8, u16, u32, u64, i32);

impl Field<'_> for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn get(from: &mut Reader<'_>) -> Result<Self> {
        match u8::get(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Malformed),
        }
    }
}

impl Field<'_> for [u8; 32] {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn get(from: &mut Reader<'_>) -> Result<Self> {
        from.array()
    }
}

impl<'a> Field<'a> for &'a [u8] {
    fn put(&self, out: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).put(out);
        out.extend_from_slice(self);
    }
    fn get(from: &mut Reader<'a>) -> Result<Self> {
        let len = u32::get(from)?;
        from.take(usize::try_from(len).map_err(|_| Malformed)?)
    }
}

impl<'a> Field<'a> for &'a str {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_bytes().put(out);
    }
    fn get(from: &mut Reader<'a>) -> Result<Self> {
        std::str::from_utf8(<&[u8]>::get(from)?).map_err(|_| Malformed)
    }
}

impl Field<'_> for String {
    fn put(&self, out: &mut Vec<u8>) {
        self.as_str().put(out);
    }
    fn get(from: &mut Reader<'_>) -> Result<Self> {
        <&str>::get(from).map(str::to_owned)
    }
}

impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        if let Some(value) = self {
            value.put(out);
        }
    }
    fn get(from: &mut Reader<'a>) -> Result<Self> {
        bool::get(from)?.then(|| T::get(from)).transpose()
    }
}

impl<'a, T: Field<'a>> Field<'a> for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).put(out);
        for item in self {
            item.put(out);
        }
    }
    // Grows as items are found and not by what the count claims.
    fn get(from: &mut Reader<'a>) -> Result<Self> {
        (0..u32::get(from)?).map(|_| T::get(from)).collect()
    }
}

impl<'a, A: Field<'a>, B: Field<'a>> Field<'a> for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }
    fn get(from: &mut Reader<'a>) -> Result<Self> {
        Ok((A::get(from)?, B::get(from)?))
    }
}

macro_rules! records {
    ($($(#[$about:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name { $(pub $field: $type),* }

        impl Field<'_> for $name {
            fn put(&self, out: &mut Vec<u8>) {
                $(self.$field.put(out);)*
            }
            fn get(from: &mut Reader<'_>) -> Result<Self> {
                Ok(Self { $($field: Field::get(from)?),* })
            }
        }
    )*};
}

records! {
    /// A program to run. The environment is added to the guest's own.
    Program { argv: Vec<String>, env: Vec<(String, String)>, cwd: String }
    /// How a program ended, and what the kernel tells of its memory.
    Ending {
        code: Option<i32>,
        signal: Option<i32>,
        out_of_memory: bool,
        peak_bytes: Option<u64>,
        limit_bytes: Option<u64>,
        last_lines: Vec<String>,
    }
    /// One path the journal holds. An all-zero token is a write that never finished.
    Holding { path: String, token: [u8; 32], mode: u32, is_link: bool }
    /// One listening port: on every address, or on a loopback one, or on neither.
    Socket { port: u16, any: bool, loopback: bool }
}

macro_rules! messages {
    ($($(#[$about:meta])* $name:ident<$life:lifetime> {
        $($(#[$note:meta])* $kind:literal $variant:ident { $($field:ident: $type:ty),* })*
    })*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum $name<$life> {
            $($(#[$note])* $variant { $($field: $type),* }),*
        }

        impl<$life> Message<$life> for $name<$life> {
            fn kind(&self) -> u8 {
                match self { $(Self::$variant { .. } => $kind),* }
            }
            fn put(&self, out: &mut Vec<u8>) {
                match self { $(Self::$variant { $($field),* } => { $($field.put(out);)* })* }
            }
            fn get(kind: u8, from: &mut Reader<$life>) -> Result<Self> {
                Ok(match kind {
                    $($kind => Self::$variant { $($field: Field::get(from)?),* },)*
                    _ => return Err(Malformed),
                })
            }
        }
    )*};
}

pub trait Message<'a>: Sized {
    fn kind(&self) -> u8;
    fn put(&self, out: &mut Vec<u8>);
    fn get(kind: u8, from: &mut Reader<'a>) -> Result<Self>;
}

messages! {
    /// From the agent.
    ToGuest<'a> {
        /// First on every link.
        1 Hello { version: u8 }
        2 Ping {}
        3 Inventory {}
        /// A whole file of at most [`CHUNK`] bytes.
        4 Put { path: &'a str, mode: u32, token: [u8; 32], content: &'a [u8] }
        /// A larger one: `Begin`, `Chunk`s, then `End` or `Abort`, all with one id.
        5 Begin { path: &'a str, mode: u32, token: [u8; 32], len: u64 }
        6 Chunk { content: &'a [u8] }
        7 End {}
        8 Abort {}
        9 Link { path: &'a str, target: &'a str, token: [u8; 32] }
        10 Delete { path: &'a str }
        11 Start { program: Program, grace_ms: u32 }
        12 Restart { purge_bytecode: bool }
        // 13 was `Stop`. Its number is not given again.
        /// Answered by `Output`s, paid for by `Credit`, and one `Ended`.
        14 Run { program: Program }
        /// End what `Run` of this id began.
        15 Kill {}
        /// Answered by `Opened` or `Refused`; the id is the channel's from then on.
        16 Dial { port: u16 }
        17 Data { content: &'a [u8] }
        18 Eof {}
        19 Reset {}
        20 Credit { bytes: u32 }
        21 Usage {}
        /// What the app has written so far, answered by `Written`.
        22 Written {}
    }
    /// From the guest.
    ToAgent<'a> {
        65 Hello { version: u8, app_pid: Option<u32>, app_ended: Option<Ending>, ports: Vec<Socket> }
        66 Pong {}
        /// Some of the inventory; `Done` follows the last.
        67 Inventory { holdings: Vec<Holding> }
        68 Done { outcome: Outcome }
        69 Output { stderr: bool, content: &'a [u8] }
        70 Ended { ending: Ending }
        /// The whole set, whenever it changed. These three have id 0.
        71 Listening { ports: Vec<Socket> }
        72 AppStarted { pid: u32 }
        73 AppExited { ending: Ending }
        74 Opened {}
        75 Refused {}
        76 Data { content: &'a [u8] }
        77 Eof {}
        78 Reset {}
        79 Credit { bytes: u32 }
        /// What the home holds, and what is free where it is. It is counted beside all else.
        80 Usage { bytes: u64, files: u64, free: u64 }
        /// How many lines since the app was started, the last of them, and how much CPU time the
        /// processes of the container have used, in milliseconds, where the kernel tells.
        81 Written { lines: u64, last: Vec<String>, cpu_ms: Option<u64> }
    }
}

/// How an operation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Fine,
    Escapes,
    Conflict,
    NoSpace,
    TooLarge,
    Changed,
    Errno(i32),
    /// Another command runs already.
    Busy,
    /// No app was ever started.
    NoApp,
}

impl Field<'_> for Outcome {
    fn put(&self, out: &mut Vec<u8>) {
        let (code, errno) = match *self {
            Self::Fine => (0u8, 0),
            Self::Escapes => (1, 0),
            Self::Conflict => (2, 0),
            Self::NoSpace => (3, 0),
            Self::TooLarge => (4, 0),
            Self::Changed => (5, 0),
            Self::Errno(errno) => (6, errno),
            Self::Busy => (7, 0),
            Self::NoApp => (8, 0),
        };
        code.put(out);
        errno.put(out);
    }
    fn get(from: &mut Reader<'_>) -> Result<Self> {
        let (code, errno) = (u8::get(from)?, i32::get(from)?);
        Ok(match code {
            0 => Self::Fine,
            1 => Self::Escapes,
            2 => Self::Conflict,
            3 => Self::NoSpace,
            4 => Self::TooLarge,
            5 => Self::Changed,
            6 => Self::Errno(errno),
            7 => Self::Busy,
            8 => Self::NoApp,
            _ => return Err(Malformed),
        })
    }
}

/// Append a frame.
pub fn encode<'a, M: Message<'a>>(id: u32, message: &M, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    out.push(message.kind());
    id.put(out);
    message.put(out);
    let len = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
}

/// The first frame of `bytes` and how long it is; `None` while it is not all there.
pub fn decode<'a, M: Message<'a>>(bytes: &'a [u8]) -> Result<Option<(u32, M, usize)>> {
    let Some((len, rest)) = bytes.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| Malformed)?;
    if !(HEADER..=MAX_FRAME).contains(&len) {
        return Err(Malformed);
    }
    let Some(body) = rest.get(..len) else {
        return Ok(None);
    };
    let mut from = Reader::new(body);
    let kind = u8::get(&mut from)?;
    let id = u32::get(&mut from)?;
    let message = M::get(kind, &mut from)?;
    if from.0.is_empty() {
        Ok(Some((id, message, 4 + len)))
    } else {
        Err(Malformed)
    }
}
