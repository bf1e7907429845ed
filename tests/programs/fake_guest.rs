//! A stand-in for the guest: first process, link, and the few commands the tests run in an image
//! that has none. Compiled by the tests into a static program.

use std::{
    fs,
    io::{self, Read, Write},
    net::TcpStream,
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::exit,
};

// SAFETY: the signatures are those of the C library's headers.
unsafe extern "C" {
    fn isatty(fd: i32) -> i32;
    fn ioctl(fd: i32, request: u64, ...) -> i32;
}

const TIOCGWINSZ: u64 = 0x5413;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[1..] {
        ["init"] => init(),
        ["link"] => {
            eprintln!("the link is up");
            echo();
        }
        ["at", dir, program, ref rest @ ..] => {
            std::env::set_current_dir(dir).unwrap();
            let error = std::process::Command::new(program).args(rest).exec();
            eprintln!("{error}");
            exit(127);
        }
        ["exit", code] => exit(code.parse().unwrap()),
        ["cat"] => echo(),
        ["both"] => {
            println!("to stdout");
            eprintln!("to stderr");
        }
        ["print", ref lines @ ..] => {
            for line in lines {
                println!("{line}");
            }
        }
        // Whether anybody answered is for others to say.
        ["dial", place] => drop(TcpStream::connect(place)),
        ["terminal"] => terminal(),
        ["env", name] => println!("{}", std::env::var(name).unwrap_or_default()),
        ["stat", path] => {
            let it = fs::metadata(path).unwrap();
            println!("{}:{} {:o}", it.uid(), it.gid(), it.mode() & 0o7777);
        }
        ["write", path] => match fs::write(path, "x") {
            Ok(()) => println!("written"),
            Err(error) => println!("{}", error.raw_os_error().unwrap()),
        },
        _ => exit(64),
    }
}

/// Back at once, without waiting for the end of a line.
fn echo() {
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = io::stdin().read(&mut piece).unwrap();
        if read == 0 {
            return;
        }
        io::stdout().write_all(&piece[..read]).unwrap();
        io::stdout().flush().unwrap();
    }
}

/// Nothing more; it ends when it is killed.
fn init() {
    println!("up");
    loop {
        std::thread::park();
    }
}

/// Whether there is one, and its size, told again after every line of input.
fn terminal() {
    let mut line = String::new();
    loop {
        let mut size = [0u16; 4];
        // SAFETY: the kernel writes four numbers of 16 bits.
        let there = unsafe { isatty(0) == 1 && ioctl(0, TIOCGWINSZ, size.as_mut_ptr()) == 0 };
        println!("terminal={there} columns={} rows={}", size[1], size[0]);
        line.clear();
        if io::stdin().read_line(&mut line).unwrap() == 0 || line.trim() == "end" {
            return;
        }
    }
}
