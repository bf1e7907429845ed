//! Commands beside the app.

use std::time::Duration;

use async_trait::async_trait;
use bollard::{models::ExecConfig, query_parameters as query};
use bytes::{Bytes, BytesMut};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};

use super::{
    frames::{FrameDecoder, OutputStream},
    spec,
};
use crate::{
    engine::{
        EngineError, ExecOutput, ExecSession, ExecSpec, Result,
        docker::{
            Docker,
            client::{
                DockerClient, HEAVY, SIMPLE,
                error::Operation,
                http::{self, Hijacked},
            },
        },
    },
    model::InstanceId,
    task::BoxedIo,
};

const CHUNK: usize = 64 << 10;
/// Output taken in while input is written, for one who writes and does not read.
const MOST_HELD: usize = 8 << 20;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ExecStart {
    detach: bool,
    tty: bool,
}

/// A process in a container, its streams attached.
pub struct AttachedExec {
    pub exec: String,
    pub stream: Hijacked,
}

impl Docker {
    /// Make an exec and attach to it.
    pub(super) async fn attach(
        &self,
        client: &DockerClient,
        id: &InstanceId,
        config: ExecConfig,
    ) -> Result<AttachedExec> {
        let container = self.newest(client, id).await?;
        let what = format!("a command in {id}");
        let operation = Operation {
            verb: "run",
            what: &what,
        };
        let tty = config.tty == Some(true);
        let created = client
            .within(
                operation,
                HEAVY,
                client.api.create_exec(&container.container, config),
            )
            .await?;
        let path = format!("/v{}/exec/{}/start", client.version, created.id);
        let start = serde_json::to_vec(&ExecStart { detach: false, tty });
        let start = start.expect("two booleans serialise");
        let stream = http::hijack(&client.endpoint, &path, start, operation, HEAVY).await?;
        Ok(AttachedExec {
            exec: created.id,
            stream,
        })
    }

    pub(in crate::engine::docker) async fn exec_command(
        &self,
        id: &InstanceId,
        command: ExecSpec,
    ) -> Result<DockerExecSession> {
        let client = self.client().await?;
        let at = [spec::GUEST.to_owned(), "at".to_owned(), command.cwd];
        let argv = at.into_iter().chain(command.argv).collect();
        let config = ExecConfig {
            attach_stdin: Some(command.stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(command.tty),
            // The guest enters the directory: see `guest/exec_in_dir.rs`.
            cmd: Some(argv),
            env: Some(
                command
                    .env
                    .into_iter()
                    .map(|(name, value)| format!("{name}={}", value.reveal()))
                    .collect(),
            ),
            // The container's own user, which was read back before it was started.
            user: None,
            working_dir: Some("/".to_owned()),
            ..ExecConfig::default()
        };
        let attached = self.attach(&client, id, config).await?;
        let (reader, writer) = tokio::io::split(attached.stream.io);
        let mut session = DockerExecSession {
            client,
            exec: attached.exec,
            reader,
            writer: command.stdin.then_some(writer),
            buffer: BytesMut::from(&attached.stream.first[..]),
            frames: (!command.tty).then(FrameDecoder::default),
            ended: false,
        };
        if let (true, Some((columns, rows))) = (command.tty, command.size)
            && let Err(error) = session.set_size(columns, rows).await
        {
            // Such as a command that has ended already.
            tracing::debug!(%error, "the terminal keeps its default size");
        }
        Ok(session)
    }
}

pub struct DockerExecSession {
    client: DockerClient,
    exec: String,
    reader: ReadHalf<BoxedIo>,
    /// `None` once standard input is closed.
    writer: Option<WriteHalf<BoxedIo>>,
    /// Read, and not yet taken apart.
    buffer: BytesMut,
    /// `None` on a terminal, whose output comes as it is.
    frames: Option<FrameDecoder>,
    ended: bool,
}

impl DockerExecSession {
    async fn set_size(&mut self, columns: u16, rows: u16) -> Result<()> {
        let options = query::ResizeExecOptionsBuilder::default()
            .w(columns.into())
            .h(rows.into())
            .build();
        let operation = Operation {
            verb: "resize",
            what: "a terminal",
        };
        self.client
            .within(
                operation,
                SIMPLE,
                self.client.api.resize_exec(&self.exec, options),
            )
            .await
    }

    fn take(&mut self) -> Option<ExecOutput> {
        let Some(frames) = &mut self.frames else {
            return (!self.buffer.is_empty())
                .then(|| ExecOutput::Stdout(self.buffer.split().freeze()));
        };
        frames
            .next(&mut self.buffer)
            .map(|(stream, bytes)| match stream {
                OutputStream::Stdout => ExecOutput::Stdout(bytes),
                OutputStream::Stderr => ExecOutput::Stderr(bytes),
            })
    }

    fn broken(&self, error: &std::io::Error) -> EngineError {
        crate::engine::docker::client::error::of_io(error, &self.client.endpoint)
    }
}

#[async_trait]
impl ExecSession for DockerExecSession {
    /// May be dropped before it resolves; nothing is lost.
    async fn read(&mut self) -> Result<Option<ExecOutput>> {
        loop {
            if let Some(output) = self.take() {
                return Ok(Some(output));
            }
            if self.ended {
                return Ok(None);
            }
            self.buffer.reserve(CHUNK);
            match self.reader.read_buf(&mut self.buffer).await {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    /// Takes output in meanwhile: a command that waits for its output to be read would otherwise
    /// never read its input.
    async fn write(&mut self, mut bytes: Bytes) -> Result<()> {
        let Some(mut writer) = self.writer.take() else {
            return Ok(());
        };
        if bytes.is_empty() {
            // A command that has ended has closed it already.
            let _closed_already = writer.shutdown().await;
            return Ok(());
        }
        while !bytes.is_empty() {
            self.buffer.reserve(CHUNK);
            let reading = !self.ended && self.buffer.len() < MOST_HELD;
            tokio::select! {
                written = writer.write_buf(&mut bytes) => match written {
                    Ok(_) => {}
                    // It ended without reading all; what it printed and its code tell more.
                    Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                    Err(error) => return Err(self.broken(&error)),
                },
                read = self.reader.read_buf(&mut self.buffer), if reading => match read {
                    Ok(0) => self.ended = true,
                    Ok(_) => {}
                    Err(error) => return Err(self.broken(&error)),
                },
            }
        }
        self.writer = Some(writer);
        Ok(())
    }

    async fn resize(&mut self, columns: u16, rows: u16) -> Result<()> {
        self.set_size(columns, rows).await
    }

    async fn exit_code(&mut self) -> Result<i64> {
        let operation = Operation {
            verb: "inspect",
            what: "a command",
        };
        let (client, exec) = (&self.client, &self.exec);
        let ended = async {
            loop {
                let inspected = client
                    .within(operation, SIMPLE, client.api.inspect_exec(exec))
                    .await?;
                // The streams end a moment before the engine knows the code.
                if let (Some(false), Some(code)) = (inspected.running, inspected.exit_code) {
                    return Ok(code);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(HEAVY, ended).await;
        waited.unwrap_or_else(|_| {
            Err(crate::engine::docker::client::error::hanging(
                &client.endpoint,
                HEAVY,
            ))
        })
    }
}
