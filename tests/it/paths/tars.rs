//! Archives made to get out, one class each; and a naive unpacker, which they take in.

use std::{fs, os::unix::fs::symlink, path::Path};

use super::{Random, SEED, VARIANTS, census::World};

const BLOCK: usize = 512;

/// Class, variant and archive.
pub fn archives(world: &World) -> impl Iterator<Item = (u32, usize, Vec<u8>)> {
    (56..=66).flat_map(move |class| {
        (0..VARIANTS).map(move |variant| {
            let mut random = Random::new(SEED, class, variant);
            (class, variant, archive(class, &mut random, world))
        })
    })
}

#[expect(clippy::too_many_lines, reason = "one arm a class")]
fn archive(class: u32, random: &mut Random, world: &World) -> Vec<u8> {
    let canary = world.canary().display().to_string();
    let victim = random.of(&["f", "g", "sub/f", "new"]);
    let absolute = format!("{canary}/{victim}");
    let up = format!("{}../../../canary/{victim}", "./".repeat(random.below(3)));
    let name = random.word();
    let mut tar = Vec::new();
    match class {
        56 => entry(&mut tar, b'0', absolute.as_bytes(), b"", b"escaped"),
        57 => entry(&mut tar, b'0', up.as_bytes(), b"", b"escaped"),
        58 => {
            entry(&mut tar, b'2', name.as_bytes(), canary.as_bytes(), b"");
            entry(
                &mut tar,
                b'0',
                format!("{name}/{victim}").as_bytes(),
                b"",
                b"escaped",
            );
        }
        59 => {
            entry(
                &mut tar,
                b'1',
                name.as_bytes(),
                format!("{canary}/f").as_bytes(),
                b"",
            );
            entry(&mut tar, b'0', name.as_bytes(), b"", b"escaped");
        }
        60 => {
            let record = format!(" path={up}\n");
            let len = record.len() + 2;
            let len = if len >= 100 { len + 1 } else { len };
            entry(
                &mut tar,
                b'x',
                b"PaxHeader",
                b"",
                format!("{len}{record}").as_bytes(),
            );
            entry(&mut tar, b'0', name.as_bytes(), b"", b"escaped");
        }
        61 => {
            entry(
                &mut tar,
                b'L',
                b"././@LongLink",
                b"",
                format!("{up}\0{name}").as_bytes(),
            );
            entry(&mut tar, b'0', name.as_bytes(), b"", b"escaped");
        }
        62 => {
            entry(&mut tar, b'x', b"PaxHeader", b"", b"13 size=1024\n");
            entry(&mut tar, b'L', b"././@LongLink", b"", up.as_bytes());
            entry(&mut tar, b'0', name.as_bytes(), b"", b"escaped");
        }
        63 => {
            entry(&mut tar, b'0', name.as_bytes(), b"", b"short");
            tar[124..136].copy_from_slice(&[0xff; 12]);
            tar[124] = random.of(&[0x80, 0xff]);
        }
        64 => {
            entry(&mut tar, b'0', name.as_bytes(), b"", b"first");
            entry(&mut tar, b'2', name.as_bytes(), absolute.as_bytes(), b"");
            entry(&mut tar, b'0', name.as_bytes(), b"", b"escaped");
        }
        65 => {
            let capability = b"47 SCHILY.xattr.security.capability=\x01\0\0\x02\x80\0\0\0\n";
            entry(&mut tar, b'x', b"PaxHeader", b"", capability);
            entry(&mut tar, b'0', name.as_bytes(), b"", b"escaped");
            let mode = tar.len() - 2 * BLOCK + 100;
            tar[mode..mode + 8].copy_from_slice(b"0006755\0");
        }
        _ => {
            entry(&mut tar, b'0', name.as_bytes(), b"", b"fine");
            tar.extend([0; 2 * BLOCK]);
            entry(&mut tar, b'0', up.as_bytes(), b"", b"escaped");
        }
    }
    tar.extend([0; 2 * BLOCK]);
    tar
}

fn entry(tar: &mut Vec<u8>, kind: u8, name: &[u8], target: &[u8], body: &[u8]) {
    let mut header = [0; BLOCK];
    let len = name.len().min(100);
    header[..len].copy_from_slice(&name[..len]);
    header[100..108].copy_from_slice(b"0000644\0");
    header[124..136].copy_from_slice(format!("{:011o}\0", body.len()).as_bytes());
    header[156] = kind;
    let len = target.len().min(100);
    header[157..157 + len].copy_from_slice(&target[..len]);
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.extend(header);
    tar.extend(body);
    tar.resize(tar.len().next_multiple_of(BLOCK), 0);
}

/// As simple as they are written: names are joined, links made, long names believed.
fn unpack(root: &Path, tar: &[u8]) {
    let mut long: Option<String> = None;
    let mut rest = tar;
    while rest.len() >= BLOCK {
        let (header, after) = rest.split_at(BLOCK);
        rest = after;
        let text = |range: std::ops::Range<usize>| {
            let bytes = header[range].split(|byte| *byte == 0).next().unwrap();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let Ok(len) = usize::from_str_radix(&text(124..135), 8) else {
            continue;
        };
        let body = &rest[..len.min(rest.len())];
        rest = &rest[len.next_multiple_of(BLOCK).min(rest.len())..];
        let name = text(0..100);
        match header[156] {
            b'L' => {
                let name = body.split(|byte| *byte == 0).next().unwrap();
                long = Some(String::from_utf8_lossy(name).into_owned());
            }
            b'x' => {
                let said = String::from_utf8_lossy(body).into_owned();
                long = said
                    .split_once("path=")
                    .map(|(_, path)| path.trim().to_owned());
            }
            kind => {
                let path = root.join(long.take().unwrap_or(name));
                let _ = match kind {
                    b'1' => fs::hard_link(text(157..257), path),
                    b'2' => {
                        let _ = fs::remove_file(&path);
                        symlink(text(157..257), path)
                    }
                    b'0' => fs::write(path, body),
                    _ => Ok(()),
                };
            }
        }
    }
}

/// The control. Three classes do harm by other means than a name.
#[test]
fn a_naive_unpacker_gets_out() {
    let mut escaped = std::collections::BTreeSet::new();
    for class in 56..=66 {
        for variant in 0..VARIANTS {
            let world = World::new("root", &[]);
            let mut random = Random::new(SEED, class, variant);
            let tar = archive(class, &mut random, &world);
            let before = world.census();
            unpack(&world.root, &tar);
            if world.census() != before {
                escaped.insert(class);
            }
        }
    }
    assert!(escaped.into_iter().eq([56, 57, 58, 59, 60, 61, 62, 64, 66]));
}

/// Nothing in this program takes an archive apart: what is written is written file by file.
#[test]
fn no_code_unpacks() {
    let unpacks = |text: &str| {
        [
            "tar::Archive",
            ".unpack",
            "download_from_container",
            "export_container",
        ]
        .into_iter()
        .any(|call| text.contains(call))
    };
    for (file, text) in sources() {
        assert!(!unpacks(&text), "{file}");
    }
    assert!(unpacks("let mut tar = tar::Archive::new(bytes);"));
}

/// Every file of the program and what it says, without its unit tests.
pub fn sources() -> Vec<(String, String)> {
    let mut waiting = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = Vec::new();
    while let Some(dir) = waiting.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("\n#[cfg(test)]\nmod tests").next();
                found.push((
                    path.display().to_string(),
                    code.unwrap_or_default().to_owned(),
                ));
            }
        }
    }
    assert!(found.len() > 100);
    found
}
