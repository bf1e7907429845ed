//! `Printer`: the only code that writes to standard output or standard error.
//!
//! Standard output carries the result and nothing else: text, one JSON document, or a stream of
//! JSON lines from `hello` to `result`.

mod document;
mod failure;
mod narrate;
mod progress;
mod prompt;
mod qr;
mod style;
pub mod table;
pub mod text;

pub use style::Paint;

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use serde::Serialize;

use super::{
    args::{Format, Global},
    exit::{Failure, Outcome},
};
use crate::{
    api::{Envelope, Ready},
    client::ResponseLine,
    config::Env,
    model::{Event, LogLine, Secret, UpOutcome},
};
use document::Stream;
use progress::Progress;
use prompt::Prompt;
use style::colourful;

pub struct Printer {
    format: Format,
    quiet: u8,
    verbose: bool,
    /// Of standard output and of standard error.
    out: Paint,
    err: Paint,
    progress: Progress,
    prompt: Prompt,
    stream: Stream,
}

impl Printer {
    pub fn new(global: &Global, env: &Env) -> Self {
        let format = global.format();
        let terminal = io::stderr().is_terminal();
        let dumb = env.term.as_deref() == Some("dumb");
        let progress = match (format, global.quiet) {
            (Format::Text, 0) if terminal && !dumb => Progress::spinner(),
            (Format::Text, 0) => Progress::plain(),
            _ => Progress::off(),
        };
        let out = colourful(global.color, env, io::stdout().is_terminal());
        let err = colourful(global.color, env, terminal);
        console::set_colors_enabled(out);
        console::set_colors_enabled_stderr(err);
        Self {
            format,
            quiet: global.quiet,
            verbose: global.verbose,
            out: Paint(out),
            err: Paint(err),
            progress,
            prompt: Prompt {
                yes: global.yes,
                no_input: global.no_input,
            },
            stream: Stream::default(),
        }
    }

    pub fn format(&self) -> Format {
        self.format
    }

    pub fn paint(&self) -> Paint {
        self.out
    }

    /// The result of a command that is asked once and answered once.
    pub fn view<T: Serialize>(
        &mut self,
        view: &T,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        self.progress.clear();
        match self.format {
            Format::Text => self.text(&text())?,
            Format::Json | Format::Ndjson => {
                self.hello()?;
                let line = self.stream.result(&document::Done::success(view))?;
                self.put(&line)?;
            }
        }
        Ok(())
    }

    /// A result that is bad news of its own, such as a check that failed. Text goes out as any.
    pub fn bad_view<T: Serialize>(
        &mut self,
        view: &T,
        exit: u8,
        text: impl FnOnce() -> String,
    ) -> Outcome {
        match self.format {
            Format::Text => self.text(&text())?,
            Format::Json | Format::Ndjson => {
                self.hello()?;
                let line = self.stream.result(&document::Done::failure(view, exit))?;
                self.put(&line)?;
            }
        }
        Ok(exit)
    }

    /// An event on the way to a result.
    pub fn event(&mut self, line: &ResponseLine) -> Result<(), Failure> {
        if self.format == Format::Ndjson {
            let passed = self.stream.pass(line);
            return Ok(passed.map_or(Ok(()), |text| self.put(&text))?);
        }
        let event = &line.envelope.event;
        if let Event::Step(step) = event {
            self.progress.step(step);
        }
        if !self.progress.is_off()
            && let Some(rendered) = narrate::event(event, self.verbose, self.err)
        {
            self.progress.line(&rendered);
        }
        Ok(())
    }

    /// What an event of the past was, as the result of `events`.
    pub fn event_text(&self, envelope: &Envelope) -> Option<String> {
        let rendered = narrate::event(&envelope.event, true, self.out)?;
        let at = envelope.ts.strftime("%H:%M:%S");
        Some(format!("{} {rendered}", self.out.faint(at)))
    }

    /// The last line of a stream: the URL as text.
    pub fn outcome(&mut self, line: &ResponseLine) -> Result<(), Failure> {
        self.progress.clear();
        match (self.format, &line.envelope.event) {
            (Format::Text, Event::Result(outcome)) => self.url(outcome)?,
            (Format::Text, _) => {}
            (Format::Json | Format::Ndjson, _) => {
                let text = self.stream.end(line)?;
                self.put(&text)?;
            }
        }
        Ok(())
    }

    /// The URL now, for a stream whose result is still to come.
    pub fn url(&mut self, outcome: &UpOutcome) -> Result<(), Failure> {
        self.progress.clear();
        match outcome.url() {
            Some(url) if self.format == Format::Text => self.text(&url),
            _ => Ok(()),
        }
    }

    /// The URL as a code for a phone's camera, on a terminal that is wide enough.
    pub fn qr(&mut self, url: &str) {
        self.progress.clear();
        if self.format != Format::Text || self.quiet > 0 {
            return;
        }
        match qr::code(url, &console::Term::stderr()) {
            Some(code) => self.progress.line(&code),
            None => self.note("no QR code: it needs a terminal that is wide enough"),
        }
    }

    /// From here on events come from more than one stream.
    pub fn join_streams(&mut self) {
        self.stream.join();
    }

    /// A line of an app, as a result.
    pub fn log(&mut self, line: &ResponseLine, log: &LogLine) -> Result<(), Failure> {
        match self.format {
            Format::Text => self.text(&self.app_text(log)),
            Format::Json => Ok(()),
            Format::Ndjson => self.event(line),
        }
    }

    /// A line of an app while something else is the result.
    pub fn side_log(&mut self, line: &ResponseLine, log: &LogLine) -> Result<(), Failure> {
        if self.format == Format::Text && self.quiet == 0 {
            self.progress.line(&text::harmless(&log.text));
            return Ok(());
        }
        self.event(line)
    }

    fn app_text(&self, log: &LogLine) -> String {
        if io::stdout().is_terminal() || !self.out.0 {
            let text = text::harmless(&log.text);
            return if self.out.0 {
                text
            } else {
                console::strip_ansi_codes(&text).into_owned()
            };
        }
        log.text.clone()
    }

    /// A line of text as the result, or a part of it.
    pub fn text(&mut self, text: &str) -> Result<(), Failure> {
        if text.is_empty() {
            Ok(())
        } else {
            Ok(self.put(text)?)
        }
    }

    /// Bytes as they come, from a command that was run inside.
    pub fn bytes(&mut self, to_stderr: bool, bytes: &[u8]) -> Result<(), Failure> {
        if self.quiet >= 2 {
            return Ok(());
        }
        if to_stderr {
            let mut err = io::stderr().lock();
            return Ok(err.write_all(bytes).and_then(|()| err.flush())?);
        }
        let mut out = io::stdout().lock();
        Ok(out.write_all(bytes).and_then(|()| out.flush())?)
    }

    /// Something that takes a while began.
    pub fn busy(&mut self, message: &str) {
        self.progress.show(message);
    }

    pub fn tick(&mut self) {
        self.progress.tick();
    }

    /// A remark for people.
    pub fn note(&mut self, message: &str) {
        if !self.progress.is_off() {
            self.progress.line(message);
        }
    }

    /// Something that its user should change.
    pub fn warn(&mut self, message: &str) {
        let line = narrate::warning(message, None, self.paint());
        self.note(&line);
    }

    /// A question whose answer can be given by `--yes`.
    pub fn confirm(&mut self, question: &str) -> Result<bool, Failure> {
        self.progress.clear();
        self.prompt.confirm(question)
    }

    /// A line of somebody, where there is anybody.
    pub fn ask(&mut self, what: &str) -> Option<String> {
        self.progress.clear();
        self.prompt.line(what)
    }

    /// The same, not shown as it is typed.
    pub fn ask_secret(&mut self, what: &str) -> Option<Secret> {
        self.progress.clear();
        self.prompt.secret(what)
    }

    /// One of several, where there is somebody to choose.
    pub fn choose(&mut self, question: &str, of: &[String]) -> Option<usize> {
        self.progress.clear();
        if self.format == Format::Text {
            self.prompt.choose(question, of)
        } else {
            None
        }
    }

    /// Tell how it ended, if that is still to be told; the exit code.
    pub fn finish(&mut self, outcome: Outcome) -> u8 {
        self.progress.clear();
        let (problem, exit) = match outcome {
            Ok(exit) => return exit,
            Err(Failure::Unread) => return 0,
            Err(Failure::Problem { problem, exit }) => (problem, exit),
        };
        match self.format {
            Format::Text if self.quiet < 2 => {
                self.progress.line(&failure::render(&problem, self.err));
            }
            Format::Text => {}
            Format::Json | Format::Ndjson if self.stream.has_ended() => {}
            Format::Json | Format::Ndjson => {
                // Whether anybody reads it cannot change how it ended.
                let _ = self.hello();
                let outcome = UpOutcome::Failure { problem, exit };
                let _ = self.stream.result(&outcome).map(|line| self.put(&line));
            }
        }
        exit
    }

    fn hello(&mut self) -> Result<(), Failure> {
        if self.format == Format::Ndjson
            && let Some(line) = self.stream.hello()?
        {
            self.put(&line)?;
        }
        Ok(())
    }

    fn put(&self, line: &str) -> io::Result<()> {
        if self.quiet >= 2 {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }
}

/// Help and version go to standard output, what was wrong to standard error.
pub fn parse_error(error: &clap::Error) -> ExitCode {
    // Nobody can be told that neither can be written to.
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// What a shell that completes asked for.
pub fn completion(answer: clap::error::Result<Vec<u8>>) -> ExitCode {
    match answer {
        Ok(bytes) => {
            // The shell that asked may have gone.
            let _ = io::stdout().lock().write_all(&bytes);
            ExitCode::SUCCESS
        }
        Err(error) => parse_error(&error),
    }
}

/// The one line that `agent run` writes.
pub fn ready(line: &Ready) {
    if let Ok(text) = serde_json::to_string(line) {
        // The client that reads it may have gone; the agent is of use to the next one.
        let _ = writeln!(io::stdout().lock(), "{text}");
    }
}
