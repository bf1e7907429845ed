//! What a container wrote, as lines with their time.

use std::collections::VecDeque;

use bollard::{container::LogOutput, query_parameters as query};
use futures_util::{StreamExt, stream::BoxStream};

use crate::{
    engine::{
        LogQuery, Result,
        docker::{
            Docker,
            client::{DockerClient, error::Operation},
        },
    },
    model::{InstanceId, LogLine, LogStream},
};

/// Longer than this, a line is cut in two: a program may never end one.
const LONGEST: usize = 256 << 10;

impl Docker {
    pub(in crate::engine::docker) async fn log_lines(
        &self,
        id: &InstanceId,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogLine>>> {
        let client = self.client().await?;
        let container = self.newest(&client, id).await?;
        Ok(lines_of(client, &container.container, id, query))
    }
}

/// What one container of an instance wrote.
pub(super) fn lines_of(
    client: DockerClient,
    container: &str,
    id: &InstanceId,
    query: LogQuery,
) -> BoxStream<'static, Result<LogLine>> {
    // The engine takes whole seconds through bollard; the rest is left out by `LineAssembler`.
    let since = query
        .since
        .map_or(0, |at| i32::try_from(at.as_second()).unwrap_or(i32::MAX));
    let tail = query
        .tail
        .map_or_else(|| "all".to_owned(), |lines| lines.to_string());
    let options = query::LogsOptionsBuilder::default()
        .follow(query.follow)
        .stdout(true)
        .stderr(true)
        .timestamps(true)
        .since(since)
        .tail(&tail)
        .build();
    let frames = client.api.logs(container, Some(options)).boxed();
    let state = LogStreamState {
        frames,
        lines: LineAssembler::after(query.since),
        client,
        what: format!("the log of {id}"),
    };
    futures_util::stream::unfold(Some(state), next).boxed()
}

struct LogStreamState {
    frames: BoxStream<'static, Result<LogOutput, bollard::errors::Error>>,
    lines: LineAssembler,
    client: DockerClient,
    what: String,
}

/// `None` as the next state once the stream has failed or ended.
async fn next(state: Option<LogStreamState>) -> Option<(Result<LogLine>, Option<LogStreamState>)> {
    let mut state = state?;
    loop {
        if let Some(line) = state.lines.pop() {
            return Some((Ok(line), Some(state)));
        }
        match state.frames.next().await {
            Some(Ok(LogOutput::StdErr { message })) => {
                state.lines.push(LogStream::Stderr, &message);
            }
            Some(Ok(
                LogOutput::StdOut { message }
                | LogOutput::Console { message }
                | LogOutput::StdIn { message },
            )) => state.lines.push(LogStream::Stdout, &message),
            Some(Err(error)) => {
                let operation = Operation {
                    verb: "read",
                    what: &state.what,
                };
                return Some((Err(state.client.error(error, operation)), None));
            }
            None => {
                state.lines.finish();
                let line = state.lines.pop()?;
                return Some((Ok(line), Some(state)));
            }
        }
    }
}

/// Puts messages together into lines. A message is what the engine kept of one write: a line, or
/// 16 KiB of a longer one, with the time before it.
#[derive(Debug)]
struct LineAssembler {
    after: Option<jiff::Timestamp>,
    open: [Option<LogLine>; 2],
    ready: VecDeque<LogLine>,
}

impl LineAssembler {
    fn after(after: Option<jiff::Timestamp>) -> Self {
        Self {
            after,
            open: [None, None],
            ready: VecDeque::new(),
        }
    }

    fn push(&mut self, stream: LogStream, message: &[u8]) {
        let text = String::from_utf8_lossy(message);
        let stamped = text
            .split_once(' ')
            .and_then(|(at, rest)| Some((at.parse().ok()?, rest)));
        let open = &mut self.open[usize::from(stream == LogStream::Stderr)];
        let (at, rest): (jiff::Timestamp, &str) = match (stamped, &*open) {
            (Some(stamped), _) => stamped,
            (None, Some(line)) => (line.at, &text),
            // Not of this engine's making.
            (None, None) => return,
        };
        if self.after.is_some_and(|after| at <= after) {
            return;
        }
        let (rest, ends) = match rest.strip_suffix('\n') {
            Some(rest) => (rest.strip_suffix('\r').unwrap_or(rest), true),
            None => (rest, false),
        };
        let line = open.get_or_insert_with(|| LogLine {
            at,
            stream,
            text: String::new(),
        });
        line.text.push_str(rest);
        if ends || line.text.len() >= LONGEST {
            self.ready.extend(open.take());
        }
    }

    /// Lines that will get no end.
    fn finish(&mut self) {
        for open in &mut self.open {
            self.ready.extend(open.take());
        }
    }

    fn pop(&mut self) -> Option<LogLine> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "2026-01-02T03:04:05.000000001Z";
    const TWO: &str = "2026-01-02T03:04:05.000000002Z";

    fn lines(after: Option<&str>, messages: &[(LogStream, String)]) -> Vec<(LogStream, String)> {
        let mut lines = LineAssembler::after(after.map(|at| at.parse().unwrap()));
        for (stream, message) in messages {
            lines.push(*stream, message.as_bytes());
        }
        lines.finish();
        std::iter::from_fn(|| lines.pop())
            .map(|line| (line.stream, line.text))
            .collect()
    }

    #[test]
    fn parts_of_a_line_are_joined_within_their_stream() {
        use LogStream::{Stderr, Stdout};
        let assembled = lines(
            None,
            &[
                (Stdout, format!("{ONE} a")),
                (Stderr, format!("{ONE} e\n")),
                (Stdout, format!("{ONE} b\r\n")),
                (Stdout, format!("{TWO} \n")),
                (Stdout, format!("{TWO} open")),
            ],
        );
        let want = [
            (Stderr, "e"),
            (Stdout, "ab"),
            (Stdout, ""),
            (Stdout, "open"),
        ];
        assert_eq!(
            assembled,
            want.map(|(stream, text)| (stream, text.to_owned()))
        );
    }

    #[test]
    fn since_leaves_out_the_very_moment() {
        let messages = [
            (LogStream::Stdout, format!("{ONE} a\n")),
            (LogStream::Stdout, format!("{TWO} b\n")),
        ];
        assert_eq!(
            lines(Some(ONE), &messages),
            [(LogStream::Stdout, "b".to_owned())]
        );
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let part = (LogStream::Stdout, format!("{ONE} {}", "x".repeat(16 << 10)));
        let assembled = lines(None, &vec![part; 17]);
        assert_eq!(
            assembled
                .iter()
                .map(|(_, text)| text.len())
                .collect::<Vec<_>>(),
            [LONGEST, 16 << 10]
        );
    }
}
