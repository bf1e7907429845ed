//! The classes whose harm is in what a path says or in what stands where it leads: for each, how
//! its inputs are made and what has to come of them.

use std::{
    fs,
    os::unix::{
        fs::{DirBuilderExt, symlink},
        net::UnixListener,
    },
};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use super::{census::World, random::Random};

/// Inputs of each class.
pub const VARIANTS: usize = 110;

pub struct Class {
    pub number: u32,
    pub name: &'static str,
    pub expect: Expect,
    pub make: fn(&mut Random, &World) -> Input,
}

/// What every source's validator says. The guest, the second to ask, refuses what would leave the
/// workspace and takes the rest by the letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// By what it is called; and it would leave the workspace.
    Escapes,
    /// By what it is called.
    Refused,
    /// By what another system would make of the name, where the file comes from elsewhere; of a
    /// directory of this host it is taken by the letter.
    Foreign,
    /// Taken by the letter, below the root.
    Literal,
    /// Of the two names the first in byte order is taken, and the other refused; of a directory of
    /// this host both are taken.
    OneOfTwo,
    /// Its name is harmless; what stands there is not.
    Blocked,
    /// The same, and the file takes the place of what stands there.
    Replaces,
}

#[derive(Debug)]
pub struct Input {
    pub path: Vec<u8>,
    pub other: Option<String>,
    pub before: Vec<Stands>,
}

/// Something that is in the root before.
#[derive(Debug)]
pub enum Stands {
    Dir(String),
    /// To this target.
    Link(String, String),
    /// Of the canary's file.
    HardLink(String),
    Fifo(String),
    Socket(String),
    Device(String),
}

impl Input {
    fn named(path: impl Into<String>) -> Self {
        Self::raw(path.into().into_bytes())
    }

    fn raw(path: Vec<u8>) -> Self {
        Self {
            path,
            other: None,
            before: Vec::new(),
        }
    }

    fn beside(path: String, other: String) -> Self {
        Self {
            other: Some(other),
            ..Self::named(path)
        }
    }

    fn after(path: impl Into<String>, before: Vec<Stands>) -> Self {
        Self {
            before,
            ..Self::named(path)
        }
    }

    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.path).ok()
    }
}

impl Stands {
    /// Or something else of its name, itself or on the way.
    pub fn is_there(&self, world: &World) -> bool {
        let (Self::Dir(path)
        | Self::Link(path, _)
        | Self::HardLink(path)
        | Self::Fifo(path)
        | Self::Socket(path)
        | Self::Device(path)) = self;
        let path = world.at(path);
        path.ancestors()
            .take_while(|at| *at != world.root)
            .any(|at| at.symlink_metadata().is_ok())
    }

    pub fn make(&self, world: &World) {
        let at = |path: &str| {
            let path = world.at(path);
            let mut dirs = fs::DirBuilder::new();
            dirs.recursive(true)
                .mode(0o755)
                .create(path.parent().unwrap())
                .unwrap();
            path
        };
        match self {
            Self::Dir(path) => fs::create_dir(at(path)).unwrap(),
            Self::Link(path, target) => symlink(target, at(path)).unwrap(),
            Self::HardLink(path) => fs::hard_link(world.canary().join("f"), at(path)).unwrap(),
            Self::Fifo(path) => {
                mknodat(CWD, at(path), FileType::Fifo, Mode::RWXU, 0).unwrap();
            }
            Self::Socket(path) => drop(UnixListener::bind(at(path)).unwrap()),
            // The null device; a named pipe where this user may make none.
            Self::Device(path) => {
                let null = rustix::fs::makedev(1, 3);
                if mknodat(CWD, at(path), FileType::CharacterDevice, Mode::RWXU, null).is_err() {
                    Self::Fifo(path.clone()).make(world);
                }
            }
        }
    }
}

macro_rules! classes {
    ($($number:literal $name:literal $expect:ident $make:expr;)*) => {
        pub const CLASSES: &[Class] = &[$(Class {
            number: $number,
            name: $name,
            expect: Expect::$expect,
            make: $make,
        }),*];
    };
}

classes! {
    1 "dots alone" Escapes |r, _| Input::named(["..", "../..", "../../..", "../.", "./..", "."][r.below(6)]);
    2 "up and a file" Escapes |r, _| Input::named("../".repeat(1 + r.below(3)) + r.of(UP) + &r.word());
    3 "down and up further" Escapes |r, _| {
        let down = 1 + r.below(3);
        let dirs: String = (0..down).map(|_| r.word() + "/").collect();
        Input::named(dirs + &"../".repeat(down + 1 + r.below(3)) + r.of(UP) + &r.word())
    };
    4 "up at the end" Escapes |r, _| Input::named(r.word() + "/" + &r.dirs(2) + "..");
    5 "a dot first" Escapes |r, _| Input::named("./".repeat(1 + r.below(3)) + &r.dirs(2) + &r.word());
    6 "an empty name within" Escapes |r, _| Input::named(r.word() + r.of(&["//", "///"]) + &r.dirs(1) + &r.word());
    7 "a slash last" Escapes |r, _| Input::named(r.dirs(2) + &r.word() + r.of(&["/", "//"]));
    8 "nothing" Escapes |r, _| Input::named(["", "", "//", "///"][r.below(4)]);
    9 "absolute" Escapes |r, world| Input::named(format!("{}/{}", world.canary().display(), r.of(CANARY)));
    10 "two slashes first" Escapes |r, world| {
        let path = format!("/{}/{}", world.canary().display(), r.word());
        Input::named(path)
    };
    11 "a share" Foreign |r, _| Input::named(format!("\\\\{}\\{}", r.word(), r.word()));
    12 "a drive's root" Foreign |r, _| Input::named(format!("{}:\\{}", letter(r), r.word()));
    13 "a drive" Foreign |r, _| Input::named(format!("{}:{}", letter(r), r.word()));
    14 "a device path" Foreign |r, _| {
        let kind = r.of(&["\\\\?\\", "\\\\.\\", "\\??\\", "\\\\?\\UNC\\"]);
        Input::named(format!("{kind}{}:\\{}", letter(r), r.word()))
    };
    15 "backslashes and up" Foreign |r, _| Input::named(format!("{}\\..\\{}", r.word(), r.word()));
    16 "encoded dots" Literal |r, _| {
        let dots = r.of(&["%2e%2e", "%2E%2E", ".%2e", "%252e%252e", "%c0%ae%c0%ae"]);
        Input::named(format!("{dots}/{}", r.word()))
    };
    17 "dots and an encoded NUL" Refused |r, _| Input::named(r.dirs(1) + r.of(&["..", ".", ""]) + &r.word() + "%00" + r.of(&["", ".py", "x"]));
    18 "a NUL within" Escapes |r, _| {
        let after = r.of(&["", ".py", "/x", "\0"]);
        Input::named(r.dirs(1) + r.of(&["..", "x"]) + "\0" + after)
    };
    19 "a control character" Refused |r, _| {
        let c = r.of(&['\n', '\r', '\u{1b}', '\u{7f}', '\t', '\u{1}', '\u{8}', '\u{85}', '\u{9b}']);
        Input::named(format!("{}{}{c}{}", r.dirs(1), r.word(), r.of(&["", "[31m", "x"])))
    };
    20 "text that runs the other way" Refused |r, _| {
        let c = r.of(&['\u{202e}', '\u{202a}', '\u{2066}', '\u{2069}', '\u{200e}', '\u{200f}', '\u{61c}']);
        Input::named(format!("{}{}{c}gpj.py", r.dirs(1), r.word()))
    };
    21 "UTF-8 that is too long" Refused |r, _| {
        let dot: &[u8] = r.of(&[&[0xc0, 0xae], &[0xe0, 0x80, 0xae], &[0xf0, 0x80, 0x80, 0xae]]);
        Input::raw([dot, dot, b"/", r.word().as_bytes()].concat())
    };
    22 "half a surrogate pair" Refused |r, _| {
        let half = [0xed, 0xa0 + u8::try_from(r.below(32)).unwrap(), 0x80 + u8::try_from(r.below(64)).unwrap()];
        Input::raw([r.word().as_bytes(), &half, r.word().as_bytes()].concat())
    };
    23 "dots that are one letter" Literal |r, _| Input::named(format!("{}/{}", r.of(&["\u{2024}\u{2024}", "\u{2025}", "\u{fe52}\u{fe52}"]), r.word()));
    24 "wide dots" Literal |r, _| Input::named(format!("\u{ff0e}\u{ff0e}{}{}", r.of(&["\u{ff0f}", "/", "\u{ff3c}"]), r.word()));
    25 "a slash that is none" Literal |r, _| Input::named(format!("..{}{}", r.of(&["\u{2215}", "\u{2044}", "\u{29f8}", "\u{ff0f}"]), r.word()));
    26 "bytes that are no text" Refused |r, _| {
        let bad = [0x80 + u8::try_from(r.below(64)).unwrap(), r.of(&[0xff, 0xfe, 0xc1, 0xf5])];
        Input::raw([r.dirs(1).as_bytes(), r.word().as_bytes(), &bad].concat())
    };
    27 "a device of old" Foreign |r, _| { let name = r.of(&["CON", "PRN", "AUX", "NUL", "CLOCK$"]); Input::named(r.dirs(2) + &cased(r, name)) };
    28 "one with an ending" Foreign |r, _| { let name = r.of(&["nul", "con", "aux", "prn"]); Input::named(r.dirs(2) + &cased(r, name) + "." + &r.word()) };
    29 "one with a dot last" Foreign |r, _| { let name = r.of(&["aux", "nul", "con"]); Input::named(r.dirs(2) + &cased(r, name) + r.of(&[".", ". ", " .", "..."])) };
    30 "a port" Foreign |r, _| {
        let port = format!("{}{}", r.of(&["COM", "LPT"]), r.below(10));
        Input::named(r.dirs(2) + &cased(r, &port) + r.of(&["", ".txt", " .x"]))
    };
    31 "a port in small figures, or a stream" Foreign |r, _| {
        let name = r.of(&["COM¹", "com²", "LPT³", "lpt¹.log", "CONIN$", "conout$", "x:ads", "x::$DATA"]);
        Input::named(r.dirs(3) + name)
    };
    32 "a dot or a space last" Foreign |r, _| {
        let last = r.of(&[".", " ", "..", ". ", "  "]);
        Input::named(r.dirs(2) + &r.word() + last + r.of(&["", "/x"]))
    };
    33 "the short name of .git" Refused |r, _| Input::named(format!("{}{}~{}{}", r.dirs(1), cased(r, "git"), 1 + r.below(12), r.of(&["", "/config", "/hooks/x"])));
    34 ".git in capitals" Refused |r, _| {
        let git = format!("{}{}", cased(r, ".git"), r.of(&["", "", ".", " ", "..", " ."]));
        Input::named(r.dirs(2) + &git + r.of(&["/hooks/post-checkout", "/config", ""]))
    };
    35 ".git with what is not seen" Refused |r, _| {
        let unseen = r.of(&['\u{200c}', '\u{200d}', '\u{200b}', '\u{feff}', '\u{206a}', '\u{206f}', '\u{200e}']);
        let mut git: Vec<char> = cased(r, ".git").chars().collect();
        git.insert(r.below(git.len() + 1), unseen);
        Input::named(r.dirs(1) + &git.iter().collect::<String>() + r.of(&["/config", "/hooks/x"]))
    };
    36 "two names but for case" OneOfTwo |r, _| {
        let (dirs, word) = (r.dirs(2), r.word());
        match r.below(3) {
            0 => Input::beside(format!("{dirs}{}", word.to_uppercase()), format!("{dirs}{word}")),
            1 => Input::beside(format!("{}/x", word.to_uppercase()), format!("{word}/x")),
            _ => Input::beside(format!("{}/x", word.to_uppercase()), format!("{word}/y")),
        }
    };
    37 "two names but for accents" OneOfTwo |r, _| {
        let (dirs, word) = (r.dirs(2), r.word());
        let (one, two) = r.of(&[("e\u{301}", "é"), ("A\u{30a}", "Å"), ("o\u{302}\u{323}", "ộ"), ("가", "\u{1100}\u{1161}"), ("E\u{301}", "é")]);
        let [a, b] = [one, two].map(|letter| format!("{dirs}{word}{letter}"));
        Input::beside(a.clone().min(b.clone()), a.max(b))
    };
    38 "two names but for a letter's cases" OneOfTwo |r, _| {
        let (dirs, word) = (r.dirs(2), r.word());
        let (one, two) = r.of(&[("SS", "ß"), ("I", "ı"), ("ss", "ẞ"), ("K", "\u{212a}"), ("s", "ſ"), ("Σ", "ς")]);
        let [a, b] = [one, two].map(|letter| format!("{dirs}{word}{letter}"));
        Input::beside(a.clone().min(b.clone()), a.max(b))
    };
    39 "a name that is too long" Refused |r, _| Input::named(r.dirs(1) + &r.of(&["a", "é", "字"]).repeat(256) + r.of(&["", "/x"]));
    40 "a path that is too long or too deep" Refused |r, _| Input::named(if r.below(2) == 0 {
        vec![r.word(); 65 + r.below(100)].join("/")
    } else {
        vec!["a".repeat(190 + r.below(60)); 23].join("/")
    });
    41 "a file where a directory is" Blocked |r, _| {
        let dir = r.dirs(1) + &r.word();
        Input::after(dir.clone(), vec![Stands::Dir(dir.clone()), Stands::Fifo(format!("{dir}/theirs"))])
    };
    42 "a parent that is a link" Blocked |r, world| {
        let dir = r.dirs(1) + &r.word();
        let canary = world.canary().display().to_string();
        let target = r.of(&["", "/sub", "/empty", "/.ssh"]);
        let targets = [canary + target, "..".to_owned(), "../../../canary".to_owned(), ".".to_owned()];
        Input::after(format!("{dir}/{}", r.of(CANARY)), vec![Stands::Link(dir, targets[r.below(4)].clone())])
    };
    43 "a link in its place" Replaces |r, world| {
        let path = r.dirs(2) + &r.word();
        let target = format!("{}/{}", world.canary().display(), r.of(CANARY));
        Input::after(path.clone(), vec![Stands::Link(path, target)])
    };
    44 "a link to nothing" Replaces |r, world| {
        let path = r.dirs(2) + &r.word();
        let target = format!("{}/{}", world.canary().display(), r.word());
        Input::after(path.clone(), vec![Stands::Link(path, target)])
    };
    45 "links in a circle" Blocked |r, _| {
        let (a, b) = (r.word() + "a", r.word() + "b");
        Input::after(format!("{a}/{}", r.word()), vec![Stands::Link(a.clone(), b.clone()), Stands::Link(b, a)])
    };
    47 "a hard link to what is outside" Replaces |r, _| {
        let path = r.dirs(2) + &r.word();
        Input::after(path.clone(), vec![Stands::HardLink(path)])
    };
    48 "a pipe" Replaces |r, _| {
        let path = r.dirs(2) + &r.word();
        Input::after(path.clone(), vec![Stands::Fifo(path)])
    };
    49 "a socket or a device" Replaces |r, _| {
        let path = r.dirs(2) + &r.word();
        let stands = if r.below(2) == 0 { Stands::Socket(path.clone()) } else { Stands::Device(path.clone()) };
        Input::after(path, vec![stands])
    };
}

const UP: &[&str] = &["", "canary/", "canary/sub/", "canary/empty/"];
const CANARY: &[&str] = &[
    "f",
    "g",
    "sub/f",
    "sub/x.py",
    ".ssh/authorized_keys",
    "new",
    "empty/new",
];

fn letter(random: &mut Random) -> char {
    char::from(random.of(b"CDcdZ"))
}

fn cased(random: &mut Random, name: &str) -> String {
    let case = |c: char| {
        if random.below(2) == 0 {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    };
    name.chars().map(case).collect()
}
