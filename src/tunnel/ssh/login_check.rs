//! For `doctor`: log in, and no more.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::Command,
    time::timeout,
};

use super::{NAME, Ssh, TunnelError, output::SshOutput, server::Server};

impl Ssh {
    /// Whom the server lets in, and its key.
    pub(super) async fn probe(&self, server: &Server) -> Result<String, TunnelError> {
        let launch = self.launch(server, None)?;
        let unusable = |error: std::io::Error| TunnelError::ProgramUnusable {
            program: NAME.to_owned(),
            why: error.to_string(),
        };
        let mut child = Command::new(&launch.program)
            .args(&launch.args)
            .env_clear()
            .envs(self.programs.inherited().iter())
            .envs(
                launch
                    .env
                    .iter()
                    .map(|(name, value)| (name, value.reveal())),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(unusable)?;
        let mut ssh_output = SshOutput::default();
        if let Some(output) = child.stderr.take() {
            let mut lines = BufReader::new(output).lines();
            let login = async {
                while let Ok(Some(line)) = lines.next_line().await {
                    ssh_output.take(line.trim_end());
                    if ssh_output.is_in {
                        break;
                    }
                }
            };
            let _ = timeout(self.timing.answer, login).await;
        }
        let _ = child.kill().await;
        if !ssh_output.is_in {
            let silent = || ssh_output.silent(server, self.timing.answer);
            return Err(ssh_output.not_in(server).unwrap_or_else(silent));
        }
        let key = ssh_output.host_key.unwrap_or_default();
        Ok(format!(
            "`{}` lets {} in; its key is {key}",
            server.label(),
            server.who()
        ))
    }
}
