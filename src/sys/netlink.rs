//! Questions to the kernel over rtnetlink (netlink(7), rtnetlink(7)): a socket, its messages, and their attributes.
//!
//! Any user may ask. The kernel answers while it takes the request, in microseconds, so nothing here waits for a network.
//! This file knows the form of messages, not what they tell: that is for `route`, `rule` and `interface`. To ask something
//! new, add a module beside them that calls [`ask`] or [`dump`]. Integers are in the byte order of this machine, addresses
//! in that of the network.

use std::io::{self, Read};
use std::net::IpAddr;
use std::os::fd::AsRawFd;
use std::time::Duration;

use nix::sys::socket::{NetlinkAddr, connect};
use socket2::{Domain, Protocol, Socket, Type};

/// How long one read waits. An answer that is not there at once does not come.
const READ_TIMEOUT: Duration = Duration::from_millis(200);
/// Bytes of one read. The kernel packs a dump into datagrams of up to 32 KiB (`netlink_recvmsg` in `af_netlink.c`).
const BUFFER_BYTES: usize = 64 * 1024;
/// Datagrams of one dump that are read; as 32 KiB each they hold some half a million routes.
const MOST_DATAGRAMS: usize = 1000;
/// Bytes of `nlmsghdr` and of `nlattr` (`linux/netlink.h`).
const MESSAGE_HEADER_BYTES: usize = 16;
const ATTRIBUTE_HEADER_BYTES: usize = 4;

/// What the kernel says to a question for one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// The message without its `nlmsghdr`.
    Message(Vec<u8>),
    /// An errno instead of an answer.
    Refused(i32),
}

/// Asks for one thing. The body is what follows `nlmsghdr`.
///
/// # Errors
/// What the socket says, or that the answer is missing or malformed. An errno *in* the answer is an [`Answer`].
pub(super) fn ask(kind: u16, body: &[u8]) -> io::Result<Answer> {
    let mut conversation = Conversation::begin(kind, 0, body)?;
    let message = messages(conversation.datagram()?).next().ok_or_else(malformed)?;
    match message.outcome() {
        Outcome::Item => Ok(Answer::Message(message.body.to_vec())),
        Outcome::Error(errno) => Ok(Answer::Refused(errno)),
        Outcome::End => Err(malformed()),
    }
}

/// Asks for all there is of a kind, and returns what `pick` makes of the bodies of the answers, at most `most`.
///
/// # Errors
/// What the socket or the kernel says; that an answer is missing or malformed, or that there is more than is read here.
pub(super) fn dump<T>(kind: u16, body: &[u8], most: usize, pick: impl Fn(&[u8]) -> Option<T>) -> io::Result<Vec<T>> {
    let (found, is_consistent) = dump_once(kind, body, most, &pick)?;
    // Where something changes all the time, the second dump is no better than the first, and is taken as it is.
    if is_consistent { Ok(found) } else { Ok(dump_once(kind, body, most, &pick)?.0) }
}

/// One dump, and whether nothing changed while the kernel wrote it.
fn dump_once<T>(kind: u16, body: &[u8], most: usize, pick: &impl Fn(&[u8]) -> Option<T>) -> io::Result<(Vec<T>, bool)> {
    let mut conversation = Conversation::begin(kind, libc::NLM_F_DUMP, body)?;
    let (mut found, mut is_consistent) = (Vec::new(), true);
    for _ in 0..MOST_DATAGRAMS {
        for message in messages(conversation.datagram()?) {
            is_consistent &= i32::from(message.flags) & libc::NLM_F_DUMP_INTR == 0;
            match message.outcome() {
                Outcome::Item => found.extend(pick(message.body)),
                Outcome::Error(errno) => return Err(io::Error::from_raw_os_error(errno)),
                Outcome::End => return Ok((found, is_consistent)),
            }
            if found.len() >= most {
                return Ok((found, is_consistent));
            }
        }
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, "the kernel's answer is longer than what is read of it"))
}

/// That an answer is not what the kernel's headers say.
pub(super) fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's answer is malformed")
}

/// A socket on which one request was made. It is in no multicast group, so all that comes in answers that request.
struct Conversation {
    socket: Socket,
    buffer: Vec<u8>,
}

impl Conversation {
    fn begin(kind: u16, flags: i32, body: &[u8]) -> io::Result<Self> {
        let protocol = Protocol::from(libc::NETLINK_ROUTE);
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW.cloexec(), Some(protocol))?;
        socket.set_read_timeout(Some(READ_TIMEOUT))?;
        // Port 0 is the kernel. Once connected to it, no other process can answer in its place.
        connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        socket.send(&request(kind, flags | libc::NLM_F_REQUEST, body))?;
        Ok(Self { socket, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Reads the next datagram, which holds one message or several.
    fn datagram(&mut self) -> io::Result<&[u8]> {
        loop {
            match self.socket.read(&mut self.buffer) {
                Ok(length) => return self.buffer.get(..length).ok_or_else(malformed),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // socket(7) has SO_RCVTIMEO end with EAGAIN.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel does not answer"));
                }
                Err(error) => return Err(error),
            }
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "requests are short, flags have 16 bits")]
fn request(kind: u16, flags: i32, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MESSAGE_HEADER_BYTES + body.len());
    bytes.extend(((MESSAGE_HEADER_BYTES + body.len()) as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((flags as u16).to_ne_bytes());
    // The sequence number, of which one request needs none, and the port, which the kernel fills in.
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// The header of a request for a family (`AF_*`): all but its first byte are zeros.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "families have 8 bits")]
pub(super) fn header<const BYTES: usize>(family: i32) -> [u8; BYTES] {
    let mut header = [0; BYTES];
    if let Some(first) = header.first_mut() {
        *first = family as u8;
    }
    header
}

/// One attribute (`nlattr`), padded to four bytes.
#[expect(clippy::cast_possible_truncation, reason = "values are addresses and words")]
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ATTRIBUTE_HEADER_BYTES + value.len());
    bytes.extend(((ATTRIBUTE_HEADER_BYTES + value.len()) as u16).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// One message of a datagram.
struct Message<'a> {
    kind: u16,
    flags: u16,
    body: &'a [u8],
}

/// What a message is in an answer: a part of it, its end, or an errno in its place.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Item,
    End,
    Error(i32),
}

impl Message<'_> {
    fn outcome(&self) -> Outcome {
        // Both begin with an errno with its sign changed; the end of a dump that failed on its way has one too.
        let errno = || u32_at(self.body, 0).map(u32::cast_signed).filter(|code| *code < 0).map(i32::saturating_neg);
        match i32::from(self.kind) {
            libc::NLMSG_ERROR => Outcome::Error(errno().unwrap_or(libc::EPROTO)),
            libc::NLMSG_DONE => errno().map_or(Outcome::End, Outcome::Error),
            _ => Outcome::Item,
        }
    }
}

/// The messages of a datagram, up to the first that is cut off.
fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
        let (message, rest) = record(bytes, length, MESSAGE_HEADER_BYTES)?;
        bytes = rest;
        let (header, body) = message.split_at_checked(MESSAGE_HEADER_BYTES)?;
        Some(Message { kind: u16_at(header, 4)?, flags: u16_at(header, 6)?, body })
    })
}

/// The attributes in a sequence of them, with their types, up to the first that is cut off.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (attribute, rest) = record(bytes, u16_at(bytes, 0)?.into(), ATTRIBUTE_HEADER_BYTES)?;
        bytes = rest;
        let (header, value) = attribute.split_at_checked(ATTRIBUTE_HEADER_BYTES)?;
        // The two uppermost bits are flags: nested, and in network byte order (`NLA_TYPE_MASK`).
        Some((u16_at(header, 2)? & 0x3fff, value))
    })
}

/// Splits off a record of `length` bytes that is at least its header, and the padding to four bytes behind it.
fn record(bytes: &[u8], length: usize, header: usize) -> Option<(&[u8], &[u8])> {
    let record = bytes.get(..length).filter(|record| record.len() >= header)?;
    // The last record may lack its padding.
    Some((record, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

/// The 16 bits at an offset.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|value| u16::from_ne_bytes(*value))
}

/// The 32 bits at an offset.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|value| u32::from_ne_bytes(*value))
}

/// An address of either family, told by its length.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4().or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

/// The text before the zero byte; `None` when it is empty.
pub(super) fn text(bytes: &[u8]) -> Option<String> {
    let text = bytes.split(|byte| *byte == 0).next().filter(|text| !text.is_empty())?;
    Some(String::from_utf8_lossy(text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_in_order_with_nested_ones_inside() {
        let inner = attribute(libc::IFLA_INFO_KIND, b"wireguard\0");
        let nested = attribute(libc::IFLA_LINKINFO | 0x8000, &inner);
        let bytes = [attribute(libc::IFLA_IFNAME, b"wg0\0"), nested].concat();
        let read: Vec<_> = attributes(&bytes).collect();
        assert_eq!(read, [(libc::IFLA_IFNAME, b"wg0\0".as_slice()), (libc::IFLA_LINKINFO, inner.as_slice())]);
        assert_eq!(attributes(&inner).next(), Some((libc::IFLA_INFO_KIND, b"wireguard\0".as_slice())));
        assert_eq!(text(b"wireguard\0"), Some("wireguard".to_owned()));
        assert_eq!(text(b"\0"), None);
    }

    #[test]
    fn a_record_that_is_cut_off_or_shorter_than_its_header_ends_the_list() {
        let whole = attribute(1, b"abcd");
        assert_eq!(attributes(&[whole.clone(), vec![9, 0, 1, 0, 1]].concat()).count(), 1);
        assert_eq!(attributes(&[whole, vec![0; 8]].concat()).count(), 1);
        // Without its padding the last one is whole.
        assert_eq!(attributes(&attribute(1, b"a")[..5]).collect::<Vec<_>>(), [(1, b"a".as_slice())]);
    }

    #[test]
    fn messages_are_items_errors_or_the_end() {
        let error = |errno: i32| (-errno).to_ne_bytes();
        let datagram = [
            request(libc::RTM_NEWLINK, 0, b"odd"),
            vec![0],
            request(2, 0, &error(libc::EACCES)),
            request(2, 0, &[]),
            request(3, libc::NLM_F_DUMP_INTR, &error(0)),
            request(3, 0, &error(libc::EMSGSIZE)),
        ];
        let outcomes: Vec<_> = messages(&datagram.concat()).map(|message| message.outcome()).collect();
        let errors = [libc::EACCES, libc::EPROTO, libc::EMSGSIZE].map(Outcome::Error);
        let [denied, empty, too_long] = errors;
        assert_eq!(outcomes, [Outcome::Item, denied, empty, Outcome::End, too_long]);
    }

    #[test]
    fn the_kernel_refuses_a_request_that_is_none() {
        // An interface of no name and no index.
        let answer = ask(libc::RTM_GETLINK, &[0; 16]).unwrap();
        assert_eq!(answer, Answer::Refused(libc::EINVAL));
        assert_eq!(dump(libc::RTM_GETLINK, &[0; 16], 1, |body| Some(body.len())).unwrap().len(), 1);
    }

    #[test]
    fn a_read_without_an_answer_ends() {
        let mut conversation = Conversation::begin(libc::RTM_GETLINK, 0, &[0; 16]).unwrap();
        assert!(conversation.datagram().is_ok());
        assert_eq!(conversation.datagram().unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            for message in messages(&bytes) {
                message.outcome();
                attributes(message.body).for_each(drop);
            }
            for (_, value) in attributes(&bytes) {
                let _ = (address(value), text(value), u16_at(value, 1), u32_at(value, usize::MAX));
            }
        }
    }
}
