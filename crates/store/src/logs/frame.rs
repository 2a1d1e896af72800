//! A frame: one batch of lines, compressed, with a checksum, readable without the frames before it.
//!
//! ```text
//! magic u32 · payload length u32 · first line u64 · lines u32 · CRC-32 of all before and of the payload u32 · payload
//! ```
//! Numbers are little-endian; the payload is JSON lines compressed with zstd.

use pierhead_model::log::LogLine;

pub(super) const HEADER_BYTES: usize = 24;
const MAGIC: u32 = 0x5048_4c46;
/// A batch is far smaller; a larger length in a header means that the header is damaged.
const MAXIMUM_PAYLOAD: u32 = 64 * 1024 * 1024;
/// Fast, and logs repeat themselves.
const LEVEL: i32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) payload_bytes: u32,
    pub(super) first: u64,
    pub(super) lines: u32,
    checksum: u32,
}

impl Header {
    pub(super) const fn last(&self) -> u64 {
        self.first + self.lines as u64 - 1
    }

    /// `None` when this is not the beginning of a frame.
    pub(super) fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<Self> {
        let half = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let header = Self {
            payload_bytes: half(4)?,
            first: u64::from_le_bytes(bytes.get(8..16)?.try_into().ok()?),
            lines: half(16)?,
            checksum: half(20)?,
        };
        let plausible = half(0)? == MAGIC && header.payload_bytes <= MAXIMUM_PAYLOAD && header.lines > 0;
        plausible.then_some(header)
    }

    /// Whether the payload is the one that was written.
    pub(super) fn fits(&self, payload: &[u8]) -> bool {
        self.checksum == checksum(self.payload_bytes, self.first, self.lines, payload)
    }
}

pub(super) fn encode(lines: &[&LogLine]) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    for line in lines {
        serde_json::to_writer(&mut text, line)?;
        text.push(b'\n');
    }
    let payload = zstd::encode_all(&*text, LEVEL)?;
    let too_large = |_| std::io::Error::other("a batch of log lines is too large");
    let payload_bytes = u32::try_from(payload.len()).map_err(too_large)?;
    let count = u32::try_from(lines.len()).map_err(too_large)?;
    let first = lines.first().map_or(0, |line| line.number);
    let mut frame = Vec::with_capacity(HEADER_BYTES + payload.len());
    frame.extend(MAGIC.to_le_bytes());
    frame.extend(payload_bytes.to_le_bytes());
    frame.extend(first.to_le_bytes());
    frame.extend(count.to_le_bytes());
    frame.extend(checksum(payload_bytes, first, count, &payload).to_le_bytes());
    frame.extend(payload);
    Ok(frame)
}

pub(super) fn decode(payload: &[u8]) -> std::io::Result<Vec<LogLine>> {
    let text = zstd::decode_all(payload)?;
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    Ok(lines.map(serde_json::from_slice).collect::<Result<_, _>>()?)
}

fn checksum(payload_bytes: u32, first: u64, lines: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&payload_bytes.to_le_bytes());
    hasher.update(&first.to_le_bytes());
    hasher.update(&lines.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}
