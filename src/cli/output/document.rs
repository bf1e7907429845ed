//! The JSON that goes to standard output: envelopes from `hello` to `result`.

use jiff::Timestamp;
use serde::Serialize;

use crate::{
    api::{API_VERSION, Envelope},
    client::ResponseLine,
    model::{Code, Event, InstanceId, Problem},
};

/// Where a stream on standard output has got to.
#[derive(Debug, Default)]
pub struct Stream {
    next: u64,
    ended: bool,
    instance: Option<InstanceId>,
    /// A second stream is being put behind a first, so numbers are not the agent's any more.
    renumber: bool,
}

/// An envelope around what is no event.
#[derive(Serialize)]
struct DocumentEnd<'a, T> {
    v: u32,
    seq: u64,
    ts: Timestamp,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<&'a InstanceId>,
    data: &'a T,
}

/// A view that says of itself whether it is good news.
#[derive(Serialize)]
pub struct Done<'a, T> {
    outcome: &'static str,
    exit: u8,
    #[serde(flatten)]
    view: &'a T,
}

impl<'a, T> Done<'a, T> {
    pub fn success(view: &'a T) -> Self {
        Self {
            outcome: "success",
            exit: 0,
            view,
        }
    }

    pub fn failure(view: &'a T, exit: u8) -> Self {
        Self {
            outcome: "failure",
            exit,
            view,
        }
    }
}

impl Stream {
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Our own first line, unless the agent's has been passed on.
    pub fn hello(&mut self) -> Result<Option<String>, Problem> {
        if self.next > 0 {
            return Ok(None);
        }
        let hello = Event::Hello {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            api: API_VERSION,
            pid: std::process::id(),
        };
        self.next = 1;
        written(&Envelope::now(0, None, hello)).map(Some)
    }

    /// The agent's line as it came; written anew, without what we do not know, only behind
    /// another stream.
    pub fn pass(&mut self, line: &ResponseLine) -> Option<String> {
        self.instance = line.envelope.instance.clone().or(self.instance.take());
        if !self.renumber {
            self.next = line.envelope.seq + 1;
            return Some(line.text.clone());
        }
        if matches!(line.envelope.event, Event::Hello { .. } | Event::Unknown) {
            return None;
        }
        let envelope = Envelope {
            seq: self.next,
            ..line.envelope.clone()
        };
        self.next += 1;
        written(&envelope).ok()
    }

    /// From here on lines come from more than one stream.
    pub fn join(&mut self) {
        self.renumber = true;
    }

    /// The agent's last line.
    pub fn end(&mut self, line: &ResponseLine) -> Result<String, Problem> {
        self.ended = true;
        if self.renumber {
            written(&Envelope {
                seq: self.next,
                ..line.envelope.clone()
            })
        } else {
            Ok(line.text.clone())
        }
    }

    /// A last line of our own.
    pub fn result<T: Serialize>(&mut self, data: &T) -> Result<String, Problem> {
        self.ended = true;
        written(&DocumentEnd {
            v: Envelope::VERSION,
            seq: self.next,
            ts: Timestamp::now(),
            r#type: "result",
            instance: self.instance.as_ref(),
            data,
        })
    }
}

fn written<T: Serialize>(document: &T) -> Result<String, Problem> {
    serde_json::to_string(document)
        .map_err(|error| Problem::new(Code::Internal, format!("cannot write JSON: {error}")))
}
