//! One HTTP/1 request: for which host, and where it ends. Strict: what two readers might read in two
//! ways is refused.
//!
//! A connection carries one request. The server is told so, and no byte past its end is passed on,
//! so that no later request can name another host.

/// Bytes of a request line and its headers.
pub const LONGEST_HEAD: usize = 32 << 10;

const MOST_HEADERS: usize = 100;
const LONGEST_LINE_OF_CHUNK: usize = 256;
/// Of the trailers after the last chunk.
const LONGEST_TRAILER: usize = 8 << 10;

#[derive(Debug, PartialEq, Eq)]
pub enum RequestHead {
    Incomplete,
    Request(HttpRequest),
    /// The name, if that is what is wrong with it.
    Bad(&'static str),
}

#[derive(Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// As it stands in `Host`, without a port.
    pub host: Vec<u8>,
    /// What goes on to the server in place of what came.
    pub head: Vec<u8>,
    /// Where the body begins in what came.
    pub consumed: usize,
    pub body: RequestBody,
}

/// For a client that asked for another host.
pub const DENIED: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 61\r\n\r\ncodemate-preview: this host is not among those it may reach.\n";
/// For one that does not say clearly which.
pub const UNCLEAR: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 49\r\n\r\ncodemate-preview: this request is not understood\n";

pub fn head(bytes: &[u8]) -> RequestHead {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return RequestHead::Incomplete;
    };
    match parse(&bytes[..end + 2]) {
        Ok((host, head, body)) => RequestHead::Request(HttpRequest {
            host,
            head,
            consumed: end + 4,
            body,
        }),
        Err(why) => RequestHead::Bad(why),
    }
}

type Parts = (Vec<u8>, Vec<u8>, RequestBody);

fn parse(text: &[u8]) -> Result<Parts, &'static str> {
    let mut lines = HeaderLines(text);
    let first = lines.next().ok_or("no request line")??;
    let (method, target, minor) = request_line(first)?;
    let mut headers = Vec::new();
    for line in lines {
        headers.push(header(line?)?);
        if headers.len() > MOST_HEADERS {
            return Err("too many headers");
        }
    }
    let mut hosts = all(&headers, b"host");
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err("not one Host");
    };
    let host = without_port(host)?;
    let path = match absolute(target) {
        Some((authority, path)) => {
            if !without_port(authority)?.eq_ignore_ascii_case(host) {
                return Err("two hosts");
            }
            path
        }
        None if target.starts_with(b"/") => target,
        None if target == b"*" && method == b"OPTIONS" => target,
        None => return Err("no path"),
    };
    let body = framing(&headers, minor)?;
    let dropped = hop_by_hop(&headers)?;
    // An absolute target may go on with its query at once; a server's own may not.
    let root: &[u8] = if path.is_empty() || path.starts_with(b"?") {
        b"/"
    } else {
        b""
    };
    let mut head = [method, b" ", root, path, b" HTTP/1."].concat();
    head.extend([minor, b'\r', b'\n']);
    for (name, value) in &headers {
        if !dropped.iter().any(|hop| hop.eq_ignore_ascii_case(name)) {
            head.extend([*name, b": ", *value, b"\r\n"].concat());
        }
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    Ok((host.to_vec(), head, body))
}

fn request_line(line: &[u8]) -> Result<(&[u8], &[u8], u8), &'static str> {
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("not a request line");
    };
    let minor = match version {
        b"HTTP/1.1" => b'1',
        b"HTTP/1.0" => b'0',
        _ => return Err("not HTTP/1"),
    };
    if !is_token(method) || method == b"CONNECT" {
        return Err("not a method");
    }
    let fits = |byte: &u8| byte.is_ascii_graphic() && *byte != b'#';
    if target.is_empty() || !target.iter().all(fits) {
        return Err("not a target");
    }
    Ok((method, target, minor))
}

fn header(line: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let colon = line
        .iter()
        .position(|&byte| byte == b':')
        .ok_or("a header without a colon")?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    // A line that begins with a space belongs to the one before it, for some readers.
    if !is_token(name) {
        return Err("not the name of a header");
    }
    if value
        .iter()
        .any(|&byte| (byte < b' ' && byte != b'\t') || byte == 0x7f)
    {
        return Err("a control character");
    }
    Ok((name, value))
}

fn framing(headers: &[(&[u8], &[u8])], minor: u8) -> Result<RequestBody, &'static str> {
    let mut lengths = all(headers, b"content-length");
    let mut codings = all(headers, b"transfer-encoding");
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() || codings.next().is_some() {
        return Err("two lengths");
    }
    match (length, coding) {
        (None, None) => Ok(RequestBody::done()),
        (Some(_), Some(_)) => Err("two lengths"),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") && minor == b'1' => {
            Ok(RequestBody(BodyState::Size(Vec::new())))
        }
        (None, Some(_)) => Err("an unknown coding"),
        (Some(length), None) => {
            let digits = length.len() <= 18 && length.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(length).ok().filter(|_| digits);
            text.and_then(|text| text.parse().ok())
                .map(RequestBody::of)
                .ok_or("not a length")
        }
    }
}

/// Headers that are about this connection alone. What frames or names the request never is.
fn hop_by_hop<'a>(headers: &[(&[u8], &'a [u8])]) -> Result<Vec<&'a [u8]>, &'static str> {
    let mut dropped: Vec<&[u8]> = vec![
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"upgrade",
        b"http2-settings",
    ];
    for value in all(headers, b"connection") {
        for name in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            let needed: [&[u8]; 3] = [b"host", b"content-length", b"transfer-encoding"];
            if needed
                .iter()
                .any(|needed| needed.eq_ignore_ascii_case(name))
            {
                return Err("a header that may not be dropped");
            }
            dropped.push(name);
        }
    }
    Ok(dropped)
}

fn all<'h, 'a: 'h>(
    headers: &'h [(&[u8], &'a [u8])],
    name: &'h [u8],
) -> impl Iterator<Item = &'a [u8]> + 'h {
    headers
        .iter()
        .filter(move |(other, _)| other.eq_ignore_ascii_case(name))
        .map(|&(_, value)| value)
}

/// Authority and path of `http://…`.
fn absolute(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let scheme = target.get(..7)?;
    let rest = &target[7..];
    scheme.eq_ignore_ascii_case(b"http://").then(|| {
        let end = rest
            .iter()
            .position(|byte| b"/?".contains(byte))
            .unwrap_or(rest.len());
        rest.split_at(end)
    })
}

fn without_port(authority: &[u8]) -> Result<&[u8], &'static str> {
    let host = authority.strip_suffix(b":80").unwrap_or(authority);
    if host.is_empty() || host.iter().any(|byte| b":@/ \t,".contains(byte)) {
        return Err("not a host");
    }
    Ok(host)
}

fn is_token(word: &[u8]) -> bool {
    let allowed = |&byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !word.is_empty() && word.iter().all(allowed)
}

/// Lines that end in CRLF; a lone CR or LF is an error.
struct HeaderLines<'a>(&'a [u8]);

impl<'a> Iterator for HeaderLines<'a> {
    type Item = Result<&'a [u8], &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let end = self
            .0
            .iter()
            .position(|&byte| byte == b'\r' || byte == b'\n');
        let Some(end) = end.filter(|&end| self.0[end..].starts_with(b"\r\n")) else {
            self.0 = &[];
            return Some(Err("a line that ends oddly"));
        };
        let line = &self.0[..end];
        self.0 = &self.0[end + 2..];
        Some(Ok(line))
    }
}

/// What is still to come of a request's body.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestBody(BodyState);

#[derive(Debug, PartialEq, Eq)]
enum BodyState {
    Done,
    /// Bytes that belong to it.
    Rest(u64),
    /// The line before a chunk, as far as it came.
    Size(Vec<u8>),
    Chunk(u64),
    /// How much of the CRLF after a chunk came.
    ChunkEnd(u8),
    /// The trailers: how long they are so far, and the line that is open.
    Trailer(usize, Vec<u8>),
}

impl RequestBody {
    fn done() -> Self {
        Self(BodyState::Done)
    }

    fn of(length: u64) -> Self {
        Self(if length == 0 {
            BodyState::Done
        } else {
            BodyState::Rest(length)
        })
    }

    pub fn is_done(&self) -> bool {
        self.0 == BodyState::Done
    }

    /// How many of these bytes belong to the body; the rest is after its end.
    pub fn take(&mut self, bytes: &[u8]) -> Result<usize, &'static str> {
        let mut at = 0;
        while at < bytes.len() && !self.is_done() {
            at += match &mut self.0 {
                BodyState::Rest(left) | BodyState::Chunk(left) => {
                    let here = u64::try_from(bytes.len() - at)
                        .unwrap_or(u64::MAX)
                        .min(*left);
                    *left -= here;
                    usize::try_from(here).unwrap_or(0)
                }
                _ => {
                    self.byte(bytes[at])?;
                    1
                }
            };
            match self.0 {
                BodyState::Rest(0) => self.0 = BodyState::Done,
                BodyState::Chunk(0) => self.0 = BodyState::ChunkEnd(0),
                _ => {}
            }
        }
        Ok(at)
    }

    fn byte(&mut self, byte: u8) -> Result<(), &'static str> {
        match &mut self.0 {
            BodyState::Size(line) => {
                line.push(byte);
                if line.len() > LONGEST_LINE_OF_CHUNK {
                    return Err("a long chunk size");
                }
                if byte == b'\n' {
                    self.0 = match chunk_size(line)? {
                        0 => BodyState::Trailer(0, Vec::new()),
                        size => BodyState::Chunk(size),
                    };
                }
            }
            BodyState::ChunkEnd(seen) => {
                if byte != b"\r\n"[usize::from(*seen)] {
                    return Err("a chunk that ends oddly");
                }
                *seen += 1;
                if *seen == 2 {
                    self.0 = BodyState::Size(Vec::new());
                }
            }
            BodyState::Trailer(so_far, line) => {
                line.push(byte);
                *so_far += 1;
                if *so_far > LONGEST_TRAILER {
                    return Err("long trailers");
                }
                if byte == b'\n' {
                    let text = line.strip_suffix(b"\r\n").ok_or("a line that ends oddly")?;
                    if text.is_empty() {
                        self.0 = BodyState::Done;
                    } else {
                        header(text)?;
                        line.clear();
                    }
                }
            }
            BodyState::Done | BodyState::Rest(_) | BodyState::Chunk(_) => {}
        }
        Ok(())
    }
}

/// Of a line that ends in LF. Extensions are not taken: readers differ about them.
fn chunk_size(line: &[u8]) -> Result<u64, &'static str> {
    let digits = line.strip_suffix(b"\r\n").ok_or("a line that ends oddly")?;
    let good = (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| good);
    text.and_then(|text| u64::from_str_radix(text, 16).ok())
        .ok_or("not a chunk size")
}
