//! A command beside the app: an ordinary process, which ends with its container.

use std::process::Stdio;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use codemate_preview::{
    engine::{EngineError, ExecOutput, ExecSession, Result},
    task::Scope,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{ChildStdin, Command},
    sync::{mpsc, watch},
};
use tokio_util::sync::CancellationToken;

use super::code_of;

/// A running command, its output read as it comes.
pub struct PipedCommand {
    stdin: Option<ChildStdin>,
    output: mpsc::UnboundedReceiver<ExecOutput>,
    code: watch::Receiver<Option<i64>>,
}

impl PipedCommand {
    /// Start it, to be killed when `container` is cancelled.
    pub fn start(
        mut command: Command,
        with_stdin: bool,
        container: CancellationToken,
        scope: &Scope,
    ) -> Self {
        let stdin = if with_stdin {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (told, output) = mpsc::unbounded_channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        scope.spawn(pump(stdout, told.clone(), ExecOutput::Stdout));
        scope.spawn(pump(stderr, told, ExecOutput::Stderr));
        let stdin = child.stdin.take();
        let (ended, code) = watch::channel(None);
        scope.spawn(async move {
            tokio::select! {
                _ = child.wait() => {}
                () = container.cancelled() => child.kill().await.unwrap(),
            }
            ended.send_replace(Some(code_of(child.wait().await.unwrap())));
        });
        Self {
            stdin,
            output,
            code,
        }
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    to: mpsc::UnboundedSender<ExecOutput>,
    kind: fn(Bytes) -> ExecOutput,
) {
    let mut piece = BytesMut::new();
    while matches!(from.read_buf(&mut piece).await, Ok(1..)) {
        if to.send(kind(piece.split().freeze())).is_err() {
            return;
        }
    }
}

#[async_trait]
impl ExecSession for PipedCommand {
    async fn read(&mut self) -> Result<Option<ExecOutput>> {
        Ok(self.output.recv().await)
    }

    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if bytes.is_empty() {
            self.stdin = None;
        }
        if let Some(stdin) = &mut self.stdin
            && stdin.write_all(&bytes).await.is_err()
        {
            // It has ended, or closed it.
            self.stdin = None;
        }
        Ok(())
    }

    async fn resize(&mut self, _columns: u16, _rows: u16) -> Result<()> {
        Err(EngineError::Refused {
            operation: "resize a terminal".to_owned(),
            status: 409,
            reason: "the command has none".to_owned(),
        })
    }

    async fn exit_code(&mut self) -> Result<i64> {
        let code = self.code.wait_for(Option::is_some).await;
        Ok(code.unwrap().unwrap())
    }
}
