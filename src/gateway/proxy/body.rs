//! The bodies that pass through: a request's on its way in, a response's on its way out.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio_util::sync::CancellationToken;

use super::{
    headers::clean_trailers,
    pool::{Connection, Pool},
};
use crate::{
    gateway::routing::activity::ActivityGuard,
    http_server::{InFlight, StallBudget},
};

/// An answer that nothing comes of for so long, while its app should end, is held open on purpose.
const QUIET: Duration = Duration::from_millis(500);

/// A request's body. Nothing at all can be sent twice.
pub(in crate::gateway) enum UploadBody {
    Empty,
    Body(Incoming, StallBudget),
}

/// Why a request's body ends too early.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum UploadError {
    #[error(transparent)]
    VisitorConnection(hyper::Error),
    #[error("the request's body came too slowly")]
    Slow,
}

impl UploadBody {
    pub(in crate::gateway) fn new(body: Incoming) -> Self {
        if body.is_end_stream() {
            Self::Empty
        } else {
            Self::Body(body, StallBudget::default())
        }
    }

    pub(super) fn empty() -> Self {
        Self::Empty
    }

    pub(in crate::gateway) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        let Self::Body(body, budget) = &mut *self else {
            return Poll::Ready(None);
        };
        let mut frame = Pin::new(body).poll_frame(cx);
        match &mut frame {
            Poll::Pending => {
                ready!(budget.poll_exhausted(cx));
                return Poll::Ready(Some(Err(UploadError::Slow)));
            }
            Poll::Ready(Some(Ok(frame))) => {
                budget.credit(frame.data_ref().map_or(0, Bytes::len));
                if let Some(trailers) = frame.trailers_mut() {
                    clean_trailers(trailers);
                }
            }
            Poll::Ready(_) => {}
        }
        frame.map_err(UploadError::VisitorConnection)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Body(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Body(body, _) => body.size_hint(),
        }
    }
}

/// What a visitor gets, and what must live as long as it is being read.
pub(in crate::gateway) struct ReplyBody {
    content: ReplyContent,
    /// The visitor's connection is not idle while this is there.
    #[expect(dead_code, reason = "it is held, not read")]
    in_flight: Option<InFlight>,
    /// The way the visitor came by closes, or the visitor is put out.
    closed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// Why an answer breaks off.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum DownloadError {
    #[error(transparent)]
    App(hyper::Error),
    #[error("the visitor may be here no longer")]
    Closed,
    #[error("the app is started again")]
    Restarted,
}

enum ReplyContent {
    ErrorPage(Full<Bytes>),
    App(DownloadBody),
}

impl ReplyBody {
    pub(in crate::gateway) fn page(text: impl Into<Bytes>) -> Self {
        Self {
            content: ReplyContent::ErrorPage(Full::new(text.into())),
            in_flight: None,
            closed: None,
        }
    }

    pub(super) fn app(download: DownloadBody) -> Self {
        Self {
            content: ReplyContent::App(download),
            in_flight: None,
            closed: None,
        }
    }

    pub(super) fn with_in_flight(self, in_flight: InFlight) -> Self {
        Self {
            in_flight: Some(in_flight),
            ..self
        }
    }

    /// Break off when one of these is cancelled.
    pub(super) fn abort_on(self, closed: &CancellationToken, ends: &CancellationToken) -> Self {
        let (closed, ends) = (closed.clone(), ends.clone());
        Self {
            closed: Some(Box::pin(async move {
                tokio::select! {
                    () = closed.cancelled() => {}
                    () = ends.cancelled() => {}
                }
            })),
            ..self
        }
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        if let Some(closed) = &mut self.closed
            && closed.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(DownloadError::Closed)));
        }
        match &mut self.content {
            ReplyContent::ErrorPage(page) => {
                let never = |error: Infallible| match error {};
                Pin::new(page).poll_frame(cx).map_err(never)
            }
            ReplyContent::App(download) => download.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            ReplyContent::ErrorPage(page) => page.is_end_stream(),
            ReplyContent::App(download) => download.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            ReplyContent::ErrorPage(page) => page.size_hint(),
            ReplyContent::App(download) => download.body.size_hint(),
        }
    }
}

/// An app's response body, with the connection it comes over: reading it drives that connection,
/// and dropping it too early closes the connection, which tells the app that nobody listens.
pub(in crate::gateway) struct DownloadBody {
    body: Incoming,
    connection: Option<Box<Connection>>,
    pool: Arc<Pool>,
    /// `None` for what has a length.
    stream_end: Option<StreamEnd>,
    _activity_guard: ActivityGuard,
}

impl DownloadBody {
    pub(in crate::gateway) fn new(
        body: Incoming,
        connection: Box<Connection>,
        pool: Arc<Pool>,
        activity_guard: ActivityGuard,
    ) -> Self {
        Self {
            body,
            connection: Some(connection),
            pool,
            stream_end: None,
            _activity_guard: activity_guard,
        }
    }

    /// A body without a length is ended when that is cancelled: one of events at once, any other
    /// when nothing more comes of it.
    pub(super) fn ending(mut self, ends: CancellationToken, events: bool) -> Self {
        if self.body.size_hint().exact().is_none() {
            self.stream_end = Some(StreamEnd::new(ends, events));
        }
        self
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        let mut frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending()
            && let Some(connection) = &mut self.connection
        {
            connection.drive(cx);
            frame = Pin::new(&mut self.body).poll_frame(cx);
        }
        if let Poll::Ready(None) = frame {
            self.return_connection();
        }
        if let Some(stream_end) = &mut self.stream_end {
            match &frame {
                Poll::Ready(_) => stream_end.on_frame(),
                Poll::Pending => {
                    ready!(stream_end.poll_ended(cx));
                    // Closed on the app's side too.
                    self.connection = None;
                    let ended = (!stream_end.events).then_some(Err(DownloadError::Restarted));
                    self.stream_end = None;
                    return Poll::Ready(ended);
                }
            }
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(DownloadError::App)))
    }

    fn return_connection(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.put(connection);
        }
    }
}

/// When a body that may never end is ended.
struct StreamEnd {
    ends: CancellationToken,
    events: bool,
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl StreamEnd {
    fn new(ends: CancellationToken, events: bool) -> Self {
        Self {
            ends,
            events,
            over: None,
        }
    }

    /// Something came of it.
    fn on_frame(&mut self) {
        self.over = None;
    }

    /// Asked while nothing comes of it.
    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (ends, events) = (&self.ends, self.events);
        let over = self.over.get_or_insert_with(|| {
            let ends = ends.clone();
            Box::pin(async move {
                ends.cancelled().await;
                if !events {
                    tokio::time::sleep(QUIET).await;
                }
            })
        });
        over.as_mut().poll(cx)
    }
}

impl Drop for DownloadBody {
    fn drop(&mut self) {
        // A body of known length is dropped at its last byte, without being asked for more.
        if self.body.is_end_stream() {
            self.return_connection();
        }
    }
}
