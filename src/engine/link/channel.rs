//! One dialled connection as a stream, with a window in each direction.

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use bytes::{Buf, Bytes};
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
};
use tokio_util::sync::PollSemaphore;

use guest_api::wire::{Malformed, SLICE, ToGuest, WINDOW};

use super::{
    frame,
    out::{FrameSender, LinkClosed},
    shared::LinkShared,
};

/// Given back to the guest once so much has been read.
const RETURN: u32 = WINDOW / 4;
/// What a frame has besides its bytes, at most.
const HEADER: u32 = 16;

#[derive(Default)]
struct ChannelInner {
    incoming: VecDeque<Bytes>,
    /// What the guest may still send.
    room: u32,
    ended: bool,
    /// What we may still send.
    credit: u32,
    failed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The part the link's reader reaches.
pub struct ChannelState(Mutex<ChannelInner>);

impl ChannelState {
    fn inner(&self) -> MutexGuard<'_, ChannelInner> {
        self.0.lock()
    }

    pub fn take(&self, content: &[u8]) -> Result<(), Malformed> {
        let mut inner = self.inner();
        let len = u32::try_from(content.len()).map_err(|_| Malformed)?;
        inner.room = inner
            .room
            .checked_sub(len)
            .filter(|_| !inner.ended)
            .ok_or(Malformed)?;
        if len > 0 {
            inner.incoming.push_back(Bytes::copy_from_slice(content));
        }
        wake(inner.reader.take());
        Ok(())
    }

    pub fn pay(&self, bytes: u32) -> Result<(), Malformed> {
        let mut inner = self.inner();
        let credit = inner.credit.checked_add(bytes).filter(|&sum| sum <= WINDOW);
        inner.credit = credit.ok_or(Malformed)?;
        wake(inner.writer.take());
        Ok(())
    }

    pub fn end(&self) -> Result<(), Malformed> {
        let mut inner = self.inner();
        wake(inner.reader.take());
        if std::mem::replace(&mut inner.ended, true) {
            Err(Malformed)
        } else {
            Ok(())
        }
    }

    pub fn fail(&self) {
        let mut inner = self.inner();
        inner.failed = true;
        wake(inner.reader.take());
        wake(inner.writer.take());
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

pub struct Channel {
    id: u32,
    state: Arc<ChannelState>,
    shared: Arc<LinkShared>,
    out: FrameSender,
    room: PollSemaphore,
    /// Read and not yet given back.
    consumed: u32,
    said_end: bool,
}

impl Channel {
    pub fn new(id: u32, shared: Arc<LinkShared>, out: FrameSender) -> Self {
        let inner = ChannelInner {
            room: WINDOW,
            credit: WINDOW,
            ..ChannelInner::default()
        };
        Self {
            id,
            state: Arc::new(ChannelState(Mutex::new(inner))),
            shared,
            room: PollSemaphore::new(out.room.clone()),
            out,
            consumed: 0,
            said_end: false,
        }
    }

    pub fn state(&self) -> Arc<ChannelState> {
        self.state.clone()
    }

    /// Wait for room in the queue for so many bytes and their header.
    fn poll_room(
        &mut self,
        context: &mut Context<'_>,
        bytes: u32,
    ) -> Poll<io::Result<OwnedSemaphorePermit>> {
        let permit = ready!(
            self.room
                .poll_acquire_many(context, bytes.saturating_add(HEADER))
        );
        Poll::Ready(permit.ok_or(io::ErrorKind::BrokenPipe.into()))
    }

    fn offer(&self, message: &ToGuest<'_>, permit: OwnedSemaphorePermit) -> io::Result<()> {
        let sent = self.out.offer(frame(self.id, message), Some(permit));
        sent.map_err(|LinkClosed| io::ErrorKind::BrokenPipe.into())
    }
}

impl AsyncRead for Channel {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let mut inner = this.state.inner();
        let before = into.filled().len();
        while into.remaining() > 0
            && let Some(first) = inner.incoming.front_mut()
        {
            let len = first.len().min(into.remaining());
            into.put_slice(&first[..len]);
            first.advance(len);
            if first.is_empty() {
                inner.incoming.pop_front();
            }
        }
        let read = into.filled().len() - before;
        if read > 0 {
            this.consumed += u32::try_from(read).unwrap_or(0);
            if this.consumed >= RETURN && !inner.ended {
                let bytes = std::mem::take(&mut this.consumed);
                inner.room += bytes;
                drop(inner);
                this.shared.control(this.id, &ToGuest::Credit { bytes });
            }
            return Poll::Ready(Ok(()));
        }
        if inner.ended || into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        if inner.failed {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        inner.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Channel {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let len = {
            let mut inner = this.state.inner();
            if inner.failed || this.said_end {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            if inner.credit == 0 {
                inner.writer = Some(context.waker().clone());
                return Poll::Pending;
            }
            bytes.len().min(SLICE).min(inner.credit as usize)
        };
        let taken = u32::try_from(len).unwrap_or(0);
        let permit = ready!(this.poll_room(context, taken))?;
        // Only this stream spends it, so it can only have grown.
        this.state.inner().credit -= taken;
        this.offer(
            &ToGuest::Data {
                content: &bytes[..len],
            },
            permit,
        )?;
        Poll::Ready(Ok(len))
    }

    /// What was offered is written without being asked.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.said_end && !this.state.inner().failed {
            let permit = ready!(this.poll_room(context, 0))?;
            this.offer(&ToGuest::Eof {}, permit)?;
            this.said_end = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let over = {
            let inner = self.state.inner();
            inner.failed || (inner.ended && self.said_end)
        };
        self.shared.state().channels.remove(&self.id);
        if !over {
            self.shared.control(self.id, &ToGuest::Reset {});
        }
    }
}
