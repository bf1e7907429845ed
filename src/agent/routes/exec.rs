//! Upgrade, then join the caller to a command inside.

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use bytes::{Bytes, BytesMut};
use http::{StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{AppState, Target, reply::Refusal};
use crate::{
    api::{ExecFrame, ExecRequest, UPGRADE_PROTOCOL},
    engine::{EngineError, ExecOutput, ExecSession, ExecSpec},
    lifecycle::{LifecycleError, Manager},
    model::{Code, Problem},
    security::Caller,
    task::Scope,
};

/// A command line and an environment fit in this.
const LONGEST_REQUEST: usize = 1 << 20;

pub async fn exec(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    Target(asked): Target,
    mut request: Request,
) -> Result<Response, Refusal> {
    let record = state.manager.show(asked.as_str())?;
    let (id, cwd) = (record.id.clone(), Manager::workdir(&record));
    let upgrade = hyper::upgrade::on(&mut request);
    let mut spec = read_spec(request.into_body(), cwd).await?;
    for (name, value) in state.manager.command_env(&record).await? {
        spec.env.entry(name).or_insert(value);
    }
    let session = match state.manager.engine().exec(&id, spec).await {
        Ok(session) => session,
        Err(EngineError::Missing { .. }) => return Err(LifecycleError::not_running(&record).into()),
        Err(error) => return Err(error.into()),
    };
    let scope = state.scope.clone();
    state.scope.spawn(async move {
        match upgrade.await {
            Ok(stream) => {
                let joined = async {
                    tokio::select! {
                        done = join(TokioIo::new(stream), session, &scope) => done,
                        // Even where neither side has anything to say.
                        () = caller.ended() => Ok(()),
                    }
                };
                if let Err(error) = joined.await {
                    tracing::debug!(%error, "an exec stream broke off");
                }
            }
            Err(error) => tracing::debug!(%error, "an exec was not upgraded"),
        }
    });
    let headers = [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, UPGRADE_PROTOCOL),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response())
}

async fn read_spec(body: Body, cwd: String) -> Result<ExecSpec, Refusal> {
    let usage = |message: String| Refusal(Problem::new(Code::Usage, message));
    let body = Limited::new(body, LONGEST_REQUEST)
        .collect()
        .await
        .map_err(|error| usage(format!("the request could not be read: {error}")))?
        .to_bytes();
    let request: ExecRequest = serde_json::from_slice(&body)
        .map_err(|error| usage(format!("the request is not what exec takes: {error}")))?;
    if request.argv.is_empty() {
        return Err(usage("no command was given".to_owned()));
    }
    Ok(ExecSpec {
        argv: request.argv,
        env: request.env,
        cwd,
        tty: request.tty,
        stdin: request.stdin,
        size: request.size,
    })
}

/// Carry frames both ways until the command ends or the caller leaves.
async fn join(
    stream: impl AsyncRead + AsyncWrite,
    mut session: Box<dyn ExecSession>,
    scope: &Scope,
) -> std::io::Result<()> {
    let (mut from, mut to) = tokio::io::split(stream);
    let mut buffer = BytesMut::new();
    let mut open = true;
    loop {
        tokio::select! {
            output = session.read() => {
                let frame = match output {
                    Ok(Some(ExecOutput::Stdout(bytes))) => ExecFrame::Stdout(bytes),
                    Ok(Some(ExecOutput::Stderr(bytes))) => ExecFrame::Stderr(bytes),
                    Ok(None) => {
                        let last = match session.exit_code().await {
                            Ok(code) => ExecFrame::Exit(code),
                            Err(error) => ExecFrame::Failed(error.problem()),
                        };
                        write(&mut to, &last).await?;
                        return to.shutdown().await;
                    }
                    Err(error) => {
                        write(&mut to, &ExecFrame::Failed(error.problem())).await?;
                        return to.shutdown().await;
                    }
                };
                write(&mut to, &frame).await?;
            }
            read = from.read_buf(&mut buffer), if open => {
                if read? == 0 {
                    // The caller left; dropping the session closes the command's input.
                    return Ok(());
                }
                open = obey(&mut buffer, session.as_mut()).await;
            }
            () = scope.cancelled() => return to.shutdown().await,
        }
    }
}

/// Act on the whole frames there are. Says whether more may come.
async fn obey(buffer: &mut BytesMut, session: &mut dyn ExecSession) -> bool {
    loop {
        let done: Result<(), EngineError> = match ExecFrame::decode(buffer) {
            Ok(Some(ExecFrame::Stdin(bytes))) => session.write(bytes).await,
            Ok(Some(ExecFrame::Resize { columns, rows })) => session.resize(columns, rows).await,
            Ok(Some(_)) | Err(_) => return false,
            Ok(None) => return true,
        };
        if let Err(error) = done {
            // A command that closed its input, or ended; what it says still comes.
            tracing::debug!(%error, "exec input was not taken");
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), frame: &ExecFrame) -> std::io::Result<()> {
    for piece in pieces(frame) {
        let mut wire = BytesMut::new();
        piece.encode(&mut wire);
        to.write_all(&wire).await?;
    }
    to.flush().await
}

/// A frame cut to what a reader accepts.
fn pieces(frame: &ExecFrame) -> Vec<ExecFrame> {
    let cut = |bytes: &Bytes, make: fn(Bytes) -> ExecFrame| {
        let mut rest = bytes.clone();
        let mut cut = Vec::new();
        while !rest.is_empty() {
            cut.push(make(rest.split_to(rest.len().min(ExecFrame::LONGEST))));
        }
        cut
    };
    match frame {
        ExecFrame::Stdout(bytes) => cut(bytes, ExecFrame::Stdout),
        ExecFrame::Stderr(bytes) => cut(bytes, ExecFrame::Stderr),
        other => vec![other.clone()],
    }
}
