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
    activity::Hold,
    allowance::Allowance,
    headers::clean_trailers,
    patience::Busy,
    pool::{Connection, Pool},
};

/// An answer that nothing comes of for so long, while its app should end, is held open on purpose.
const QUIET: Duration = Duration::from_millis(500);

/// A request's body. Nothing at all can be sent twice.
pub(super) enum Upload {
    Nothing,
    Body(Incoming, Allowance),
}

/// Why a request's body ends too early.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrokenUpload {
    #[error(transparent)]
    Visitor(hyper::Error),
    #[error("the request's body came too slowly")]
    Slow,
}

impl Upload {
    pub(super) fn new(body: Incoming) -> Self {
        if body.is_end_stream() {
            Self::Nothing
        } else {
            Self::Body(body, Allowance::new())
        }
    }

    pub(super) fn empty() -> Self {
        Self::Nothing
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Nothing)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BrokenUpload;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenUpload>>> {
        let Self::Body(body, allowance) = &mut *self else {
            return Poll::Ready(None);
        };
        let mut frame = Pin::new(body).poll_frame(cx);
        match &mut frame {
            Poll::Pending => {
                ready!(allowance.poll_used_up(cx));
                return Poll::Ready(Some(Err(BrokenUpload::Slow)));
            }
            Poll::Ready(Some(Ok(frame))) => {
                allowance.earn(frame.data_ref().map_or(0, Bytes::len));
                if let Some(trailers) = frame.trailers_mut() {
                    clean_trailers(trailers);
                }
            }
            Poll::Ready(_) => {}
        }
        frame.map_err(BrokenUpload::Visitor)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Body(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Body(body, _) => body.size_hint(),
        }
    }
}

/// What a visitor gets, and what must live as long as it is being read.
pub(super) struct Reply {
    content: Content,
    /// The visitor's connection is not idle while this is there.
    #[expect(dead_code, reason = "it is held, not read")]
    busy: Option<Busy>,
    /// The way the visitor came by closes, or the visitor is put out.
    closed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// Why an answer breaks off.
#[derive(Debug, thiserror::Error)]
pub(super) enum BrokenOff {
    #[error(transparent)]
    App(hyper::Error),
    #[error("the visitor may be here no longer")]
    Closed,
    #[error("the app is started again")]
    Restarted,
}

enum Content {
    Page(Full<Bytes>),
    App(Download),
}

impl Reply {
    pub(super) fn page(text: impl Into<Bytes>) -> Self {
        Self {
            content: Content::Page(Full::new(text.into())),
            busy: None,
            closed: None,
        }
    }

    pub(super) fn app(download: Download) -> Self {
        Self {
            content: Content::App(download),
            busy: None,
            closed: None,
        }
    }

    pub(super) fn keep(self, busy: Busy) -> Self {
        Self {
            busy: Some(busy),
            ..self
        }
    }

    /// Break off when one of these is cancelled.
    pub(super) fn until(self, closed: &CancellationToken, ends: &CancellationToken) -> Self {
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

impl Body for Reply {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(closed) = &mut self.closed
            && closed.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Some(Err(BrokenOff::Closed)));
        }
        match &mut self.content {
            Content::Page(page) => {
                let never = |error: Infallible| match error {};
                Pin::new(page).poll_frame(cx).map_err(never)
            }
            Content::App(download) => download.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Page(page) => page.is_end_stream(),
            Content::App(download) => download.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Page(page) => page.size_hint(),
            Content::App(download) => download.body.size_hint(),
        }
    }
}

/// An app's response body, with the connection it comes over: reading it drives that connection,
/// and dropping it too early closes the connection, which tells the app that nobody listens.
pub(super) struct Download {
    body: Incoming,
    connection: Option<Box<Connection>>,
    pool: Arc<Pool>,
    /// `None` for what has a length.
    endless: Option<Endless>,
    _hold: Hold,
}

impl Download {
    pub(super) fn new(
        body: Incoming,
        connection: Box<Connection>,
        pool: Arc<Pool>,
        hold: Hold,
    ) -> Self {
        Self {
            body,
            connection: Some(connection),
            pool,
            endless: None,
            _hold: hold,
        }
    }

    /// A body without a length is ended when that is cancelled: one of events at once, any other
    /// when nothing more comes of it.
    pub(super) fn ending(mut self, ends: CancellationToken, events: bool) -> Self {
        if self.body.size_hint().exact().is_none() {
            self.endless = Some(Endless::new(ends, events));
        }
        self
    }

    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let mut frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_pending()
            && let Some(connection) = &mut self.connection
        {
            connection.drive(cx);
            frame = Pin::new(&mut self.body).poll_frame(cx);
        }
        if let Poll::Ready(None) = frame {
            self.give_back();
        }
        if let Some(endless) = &mut self.endless {
            match &frame {
                Poll::Ready(_) => endless.goes_on(),
                Poll::Pending => {
                    ready!(endless.poll_over(cx));
                    // Closed on the app's side too.
                    self.connection = None;
                    let ended = (!endless.events).then_some(Err(BrokenOff::Restarted));
                    self.endless = None;
                    return Poll::Ready(ended);
                }
            }
        }
        frame.map(|frame| frame.map(|frame| frame.map_err(BrokenOff::App)))
    }

    fn give_back(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.put(connection);
        }
    }
}

/// When a body that may never end is ended.
struct Endless {
    ends: CancellationToken,
    events: bool,
    over: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Endless {
    fn new(ends: CancellationToken, events: bool) -> Self {
        Self {
            ends,
            events,
            over: None,
        }
    }

    /// Something came of it.
    fn goes_on(&mut self) {
        self.over = None;
    }

    /// Asked while nothing comes of it.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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

impl Drop for Download {
    fn drop(&mut self) {
        // A body of known length is dropped at its last byte, without being asked for more.
        if self.body.is_end_stream() {
            self.give_back();
        }
    }
}
