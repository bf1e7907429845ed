//! Building an image from a directory held in memory.

use std::collections::{BTreeMap, VecDeque};

use bollard::{models::BuildInfo, query_parameters as query};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc;

use super::inspect;
use crate::{
    engine::{
        BuildRequest, EngineError, Result,
        docker::{
            Docker,
            client::{
                DockerClient, HEAVY, SILENCE,
                error::{self, Operation},
            },
        },
        labels,
    },
    model::{BuildProgress, ImageInfo},
};

/// Where a Dockerfile of ours finds the host's certificate authorities; empty if there are none.
const CA_FILE: &str = "ca.crt";
const LAST_LINES: usize = 20;

impl Docker {
    pub(in crate::engine::docker) async fn build(
        &self,
        build: BuildRequest,
        progress: &mpsc::Sender<BuildProgress>,
    ) -> Result<ImageInfo> {
        let client = self.client().await?;
        let tag = build.tag.clone();
        let mut output = BuildOutput::default();
        match self.run_build(&client, build, progress, &mut output).await {
            Ok(()) => {}
            Err(EngineError::Refused { reason, .. } | EngineError::Missing { what: reason }) => {
                remove_intermediate(&client, output.layer.as_deref()).await;
                return Err(EngineError::Build {
                    image: tag.to_string(),
                    step: output.step,
                    reason,
                    last_lines: output.last.into(),
                });
            }
            Err(error) => return Err(error),
        }
        let found = inspect(&client, &tag).await?;
        found
            .map(|image| image.info)
            .ok_or_else(|| EngineError::Missing {
                what: format!("image {tag}"),
            })
    }

    async fn run_build(
        &self,
        client: &DockerClient,
        build: BuildRequest,
        progress: &mpsc::Sender<BuildProgress>,
        output: &mut BuildOutput,
    ) -> Result<()> {
        let mut context = build.context;
        let ca = self.inner.ca.clone().unwrap_or_default();
        context.entry(CA_FILE.to_owned()).or_insert(ca);
        let what = format!("image {}", build.tag);
        let operation = Operation {
            verb: "build",
            what: &what,
        };
        let tar = archive(&context).map_err(|error| EngineError::Refused {
            operation: operation.to_string(),
            status: 0,
            reason: error.to_string(),
        })?;
        let recipe = build.recipe.map(|it| (labels::RECIPE.to_owned(), it));
        let options = query::BuildImageOptionsBuilder::default()
            .t(build.tag.as_str())
            .buildargs(&build.args.into_iter().collect())
            .labels(&recipe.into_iter().collect())
            .rm(true)
            .forcerm(true)
            .build();
        let body = bollard::body_full(Bytes::from(tar));
        let mut answers = client.api.build_image(options, None, Some(body)).boxed();
        loop {
            let next = tokio::time::timeout(SILENCE, answers.try_next()).await;
            let next = next.map_err(|_| error::hanging(&client.endpoint, SILENCE))?;
            let Some(reported) = next.map_err(|failed| client.error(failed, operation))? else {
                return Ok(());
            };
            for reported in output.take(reported) {
                let _no_one_listens = progress.send(reported).await;
            }
        }
    }
}

/// A failed build leaves the layer it came to without a name. One of a name, or one that another
/// image stands on, the engine keeps.
async fn remove_intermediate(client: &DockerClient, layer: Option<&str>) {
    let Some(layer) = layer else { return };
    let Ok(id) = layer.parse();
    match inspect(client, &id).await {
        Ok(Some(found)) if found.info.tags.is_empty() => {}
        _ => return,
    }
    let operation = Operation {
        verb: "remove",
        what: layer,
    };
    let call = client
        .api
        .remove_image(layer, None::<query::RemoveImageOptions>, None);
    if let Err(error) = client.within(operation, HEAVY, call).await {
        tracing::debug!(layer, %error, "a layer of a failed build stays");
    }
}

/// The same content gives the same bytes, so that the engine's cache holds. No modes are known, so
/// all files are executable, as from a client whose file system has none.
fn archive(context: &BTreeMap<String, Bytes>) -> std::io::Result<Vec<u8>> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in context {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        header.set_mtime(0);
        tar.append_data(&mut header, path, content.as_ref())?;
    }
    tar.into_inner()
}

/// What a build has said so far.
#[derive(Debug, Default)]
struct BuildOutput {
    /// The instruction under way.
    step: String,
    /// The newest layer, by its id.
    layer: Option<String>,
    last: VecDeque<String>,
    /// The begin of a line whose end has not come.
    open: String,
}

impl BuildOutput {
    fn take(&mut self, reported: BuildInfo) -> Vec<BuildProgress> {
        self.open.push_str(&reported.stream.unwrap_or_default());
        let mut progress = Vec::new();
        while let Some(end) = self.open.find('\n') {
            let line: String = self.open.drain(..=end).collect();
            progress.extend(self.line(line.trim_end()));
        }
        progress
    }

    fn line(&mut self, line: &str) -> Option<BuildProgress> {
        // The builder paints what a step wrote to standard error red.
        let line = line.replace("\u{1b}[91m", "").replace("\u{1b}[0m", "");
        let line = line.as_str();
        if let Some(layer) = line.strip_prefix(" --->") {
            let layer = layer.trim();
            if !layer.is_empty() && layer.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                self.layer = Some(layer.to_owned());
            }
            return None;
        }
        if line.is_empty() || line.starts_with("Removing intermediate container ") {
            return None;
        }
        if let Some((current, total, text)) = step(line) {
            text.clone_into(&mut self.step);
            return Some(BuildProgress::Step {
                current,
                total,
                text: text.to_owned(),
            });
        }
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
        Some(BuildProgress::Line {
            text: line.to_owned(),
        })
    }
}

/// `Step 2/7 : RUN something`.
fn step(line: &str) -> Option<(u32, u32, &str)> {
    let (count, text) = line.strip_prefix("Step ")?.split_once(" : ")?;
    let (current, total) = count.split_once('/')?;
    Some((current.parse().ok()?, total.parse().ok()?, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(output: &mut BuildOutput, stream: &str) -> Vec<BuildProgress> {
        output.take(BuildInfo {
            stream: Some(stream.to_owned()),
            ..BuildInfo::default()
        })
    }

    #[test]
    fn steps_and_lines_are_told_apart() {
        let mut output = BuildOutput::default();
        let step = BuildProgress::Step {
            current: 2,
            total: 7,
            text: "RUN make".to_owned(),
        };
        assert_eq!(reported(&mut output, "Step 2/7 : RUN make"), []);
        assert_eq!(reported(&mut output, "\n"), [step]);
        assert_eq!(reported(&mut output, " ---> 0123456789ab\n"), []);
        let text = "a".to_owned();
        assert_eq!(
            reported(&mut output, "a\n\n"),
            [BuildProgress::Line { text }]
        );
        let text = "red".to_owned();
        let red = "\u{1b}[91mred\n\u{1b}[0m\n ---> \nRemoving intermediate container 00\n";
        assert_eq!(reported(&mut output, red), [BuildProgress::Line { text }]);
        assert_eq!(output.step, "RUN make");
        assert_eq!(output.layer.as_deref(), Some("0123456789ab"));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut output = BuildOutput::default();
        for number in 0..50 {
            reported(&mut output, &format!("{number}\n"));
        }
        assert_eq!(output.last.len(), LAST_LINES);
        assert_eq!(output.last.back().map(String::as_str), Some("49"));
    }

    #[test]
    fn a_context_gives_the_same_bytes_twice() {
        let context =
            BTreeMap::from([("Dockerfile".to_owned(), Bytes::from_static(b"FROM scratch"))]);
        assert_eq!(archive(&context).unwrap(), archive(&context).unwrap());
    }
}
