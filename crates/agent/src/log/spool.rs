//! Lines on disk until they are stored elsewhere.
//!
//! A deployment's spool is a folder of append-only segments; a segment's name is the number of its first line, so numbers
//! go on without a gap even when every line was stored and removed. A line is one line of JSON; a torn tail, which a crash
//! in the middle of a write leaves, is cut when the spool is opened. Segments are removed when all of their lines are
//! stored.
//!
//! Where a container's output was read up to is written behind the lines that were read, in the same write: after a crash
//! reading goes on exactly there. When a new segment begins, the places are also kept beside the segments. Containers are told
//! apart by their names; the one of a repository's service has none here.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fs_err::{File, OpenOptions};
use pierhead_engine::log::LogCursor;
use pierhead_model::log::{LogLine, MAX_LINE_BYTES};
use serde::{Deserialize, Serialize};

use crate::durable;

/// A segment that has grown to this is followed by a new one.
const SEGMENT_BYTES: u64 = 4 << 20;
/// A stored segment is worth replacing from here on.
const WORTH_REPLACING: u64 = 256 << 10;
/// No record is longer: the text, escaped at worst six for one, and its fields.
const MAX_RECORD_BYTES: u64 = 6 * MAX_LINE_BYTES as u64 + 4096;

#[derive(Debug)]
struct Segment {
    first: u64,
    bytes: u64,
}

/// Where the spool is read on.
#[derive(Debug, Clone, Copy, Default)]
struct Position {
    segment: u64,
    offset: u64,
}

#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    /// Oldest first; the last one is written to.
    segments: VecDeque<Segment>,
    file: File,
    next: u64,
    stored: u64,
    position: Position,
    /// The number of the next line to be read.
    reading: u64,
    /// Where the output of each container was read up to, by its name.
    containers: BTreeMap<String, LogCursor>,
}

/// What stands on one line of a segment.
#[derive(Debug)]
enum Record {
    Line(LogLine),
    ReadUpTo(ReadUpTo),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct ReadUpTo {
    read_up_to: LogCursor,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    container: String,
}

impl Spool {
    /// One that is new begins after so many lines that are stored already.
    pub(crate) fn open(folder: PathBuf, lines: u64) -> std::io::Result<Self> {
        fs_err::create_dir_all(&folder)?;
        let mut firsts: Vec<u64> = fs_err::read_dir(&folder)?
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".log")?.parse().ok())
            .collect();
        firsts.sort_unstable();
        let newest = firsts.last().copied().unwrap_or(lines + 1);
        if firsts.is_empty() {
            firsts.push(newest);
        }
        let path = segment_path(&folder, newest);
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let whole = whole_records(&mut file, newest)?;
        let (bytes, next) = (whole.bytes, whole.next);
        let mut containers = kept_beside(&folder)?;
        containers.extend(whole.read_up_to);
        file.file().set_len(bytes)?;
        let mut segments = VecDeque::new();
        for first in firsts {
            let bytes =
                if first == newest { bytes } else { fs_err::metadata(segment_path(&folder, first))?.len() };
            segments.push_back(Segment { first, bytes });
        }
        let oldest = segments.front().map_or(newest, |segment| segment.first);
        let position = Position { segment: oldest, offset: 0 };
        Ok(Self { folder, segments, file, next, stored: oldest - 1, position, reading: oldest, containers })
    }

    pub(crate) const fn has_unread(&self) -> bool {
        self.reading < self.next
    }

    pub(crate) const fn all_stored(&self) -> bool {
        self.stored + 1 == self.next
    }

    /// Where the output of a container was read up to.
    pub(crate) fn read_up_to(&self, container: &str) -> Option<LogCursor> {
        self.containers.get(container).copied()
    }

    /// Appends lines; `number` is given by the spool. Either all of them are there afterwards or none.
    pub(crate) fn append(
        &mut self,
        lines: &mut [LogLine],
        read_up_to: Option<(&str, LogCursor)>,
    ) -> std::io::Result<()> {
        let mut records = Vec::with_capacity(lines.len() * 160);
        for (number, line) in (self.next..).zip(lines.iter_mut()) {
            line.number = number;
            serde_json::to_writer(&mut records, line)?;
            records.push(b'\n');
        }
        if let Some((container, read_up_to)) = read_up_to {
            serde_json::to_writer(&mut records, &ReadUpTo { read_up_to, container: container.to_owned() })?;
            records.push(b'\n');
        }
        let Some(segment) = self.segments.back_mut() else { return Ok(()) };
        if let Err(error) = self.file.write_all(&records) {
            // A full disk may have taken half of it: a record that is not whole must not stay.
            self.file.file().set_len(segment.bytes)?;
            return Err(error);
        }
        segment.bytes += records.len() as u64;
        self.next += lines.len() as u64;
        if let Some((container, cursor)) = read_up_to {
            self.containers.insert(container.to_owned(), cursor);
        }
        if segment.bytes >= SEGMENT_BYTES {
            self.begin_segment()?;
        }
        Ok(())
    }

    /// The next lines that were not read yet, up to both bounds but at least one.
    pub(crate) fn read(&mut self, max_lines: usize, max_bytes: usize) -> std::io::Result<Vec<LogLine>> {
        let mut lines = Vec::new();
        let mut bytes = 0;
        while self.has_unread() && lines.len() < max_lines && bytes < max_bytes {
            let mut file = File::open(segment_path(&self.folder, self.position.segment))?;
            file.seek(SeekFrom::Start(self.position.offset))?;
            let mut reader = BufReader::new(file);
            while lines.len() < max_lines && bytes < max_bytes {
                let Some((record, length)) = next_record(&mut reader)? else { break };
                self.position.offset += length;
                if let Record::Line(line) = record
                    && line.number >= self.reading
                {
                    self.reading = line.number + 1;
                    bytes += line.text.len() + 64;
                    lines.push(line);
                }
            }
            let following =
                self.segments.iter().map(|segment| segment.first).find(|&f| f > self.position.segment);
            match following {
                Some(first) if lines.len() < max_lines && bytes < max_bytes => {
                    self.position = Position { segment: first, offset: 0 };
                    self.reading = self.reading.max(first);
                }
                Some(_) | None => break,
            }
        }
        Ok(lines)
    }

    /// Lines up to and including this one need not be kept. A number beyond the last one means that lines were lost here
    /// (power failed before they reached the disk): numbering goes on after it.
    pub(crate) fn stored(&mut self, through: u64) -> std::io::Result<()> {
        self.stored = self.stored.max(through);
        self.reading = self.reading.max(self.stored + 1);
        if through >= self.next {
            self.next = through + 1;
            self.begin_segment()?;
        } else if self.all_stored() && self.segments.back().is_some_and(|s| s.bytes > WORTH_REPLACING) {
            self.begin_segment()?;
        }
        while self.segments.len() > 1 && self.segments[1].first <= self.stored + 1 {
            let segment = self.segments.remove(0);
            if let Some(segment) = segment {
                fs_err::remove_file(segment_path(&self.folder, segment.first))?;
            }
        }
        let oldest = self.segments.front().map_or(self.next, |segment| segment.first);
        if self.position.segment < oldest {
            self.position = Position { segment: oldest, offset: 0 };
        }
        Ok(())
    }

    /// Reads again from the first line that is not stored.
    pub(crate) fn rewind(&mut self) {
        self.reading = self.stored + 1;
        let segment =
            self.segments.iter().rev().map(|segment| segment.first).find(|&first| first <= self.reading);
        self.position = Position { segment: segment.unwrap_or(self.reading), offset: 0 };
    }

    fn begin_segment(&mut self) -> std::io::Result<()> {
        if !self.containers.is_empty() {
            durable::write(&beside(&self.folder), &serde_json::to_vec(&self.containers)?)?;
        }
        let path = segment_path(&self.folder, self.next);
        self.file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        if self.segments.back().is_none_or(|segment| segment.first != self.next) {
            self.segments.push_back(Segment { first: self.next, bytes: 0 });
        }
        Ok(())
    }
}

fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.log"))
}

fn beside(folder: &Path) -> PathBuf {
    folder.join("cursors.json")
}

/// The places as they were when the newest segment began. Earlier versions kept one, without a name, in another file.
fn kept_beside(folder: &Path) -> std::io::Result<BTreeMap<String, LogCursor>> {
    if let Some(containers) = durable::read_json(&beside(folder))? {
        return Ok(containers);
    }
    let only: Option<LogCursor> = durable::read_json(&folder.join("cursor.json"))?;
    Ok(only.map(|cursor| (String::new(), cursor)).into_iter().collect())
}

/// What the whole records of a file say.
struct Whole {
    bytes: u64,
    next: u64,
    read_up_to: BTreeMap<String, LogCursor>,
}

fn whole_records(file: &mut File, first: u64) -> std::io::Result<Whole> {
    let mut reader = BufReader::new(file);
    let mut whole = Whole { bytes: 0, next: first, read_up_to: BTreeMap::new() };
    while let Some((record, length)) = next_record(&mut reader)? {
        whole.bytes += length;
        match record {
            Record::Line(line) => whole.next = line.number + 1,
            Record::ReadUpTo(place) => {
                whole.read_up_to.insert(place.container, place.read_up_to);
            }
        }
    }
    Ok(whole)
}

/// The next record and its length, or `None` at the end or where records stop being whole.
fn next_record(reader: &mut impl BufRead) -> std::io::Result<Option<(Record, u64)>> {
    let mut record = Vec::new();
    let length = reader.by_ref().take(MAX_RECORD_BYTES).read_until(b'\n', &mut record)?;
    if record.last() != Some(&b'\n') {
        return Ok(None);
    }
    let parsed = match serde_json::from_slice(&record) {
        Ok(line) => Some(Record::Line(line)),
        Err(_) => serde_json::from_slice(&record).ok().map(Record::ReadUpTo),
    };
    Ok(parsed.map(|record| (record, length as u64)))
}

#[cfg(test)]
mod tests {
    use pierhead_model::Timestamp;
    use pierhead_model::log::LogStream;
    use proptest::prelude::*;

    use super::*;

    fn lines(texts: impl IntoIterator<Item = String>) -> Vec<LogLine> {
        let line = |text| LogLine {
            number: 0,
            time: Timestamp::UNIX_EPOCH,
            stream: LogStream::Stdout,
            step: "build".into(),
            text,
        };
        texts.into_iter().map(line).collect()
    }

    fn numbers(lines: &[LogLine]) -> Vec<u64> {
        lines.iter().map(|line| line.number).collect()
    }

    #[test]
    fn a_torn_tail_is_cut_and_numbers_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path().into(), 0).unwrap();
        spool.append(&mut lines(["a".into(), "b".into()]), None).unwrap();
        drop(spool);
        let segment = segment_path(folder.path(), 1);
        for torn in [&b"{\"number\":3,\"ti"[..], b"\0\0\0\0\n", b"\n"] {
            let mut content = fs_err::read(&segment).unwrap();
            let whole = content.len();
            content.extend_from_slice(torn);
            fs_err::write(&segment, content).unwrap();
            let mut spool = Spool::open(folder.path().into(), 0).unwrap();
            assert_eq!((spool.next - 1), 2);
            assert_eq!(numbers(&spool.read(10, 1000).unwrap()), [1, 2]);
            assert_eq!(fs_err::metadata(&segment).unwrap().len(), whole as u64);
        }
    }

    #[test]
    fn numbers_go_on_after_everything_was_stored_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path().into(), 0).unwrap();
        let text = "x".repeat(60_000);
        for _ in 0..100 {
            spool.append(&mut lines([text.clone()]), None).unwrap();
        }
        assert!(fs_err::read_dir(folder.path()).unwrap().count() > 1);
        spool.stored(100).unwrap();
        assert!(spool.all_stored() && !spool.has_unread());
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
        let mut spool = Spool::open(folder.path().into(), 0).unwrap();
        assert_eq!((spool.next - 1), 100);
        spool.append(&mut lines(["next".into()]), None).unwrap();
        assert_eq!(numbers(&spool.read(10, 1000).unwrap()), [101]);
    }

    #[test]
    fn what_was_stored_elsewhere_and_lost_here_moves_the_numbers_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Spool::open(folder.path().into(), 0).unwrap();
        spool.append(&mut lines(["a".into()]), None).unwrap();
        spool.stored(7).unwrap();
        spool.append(&mut lines(["b".into()]), None).unwrap();
        assert_eq!(numbers(&spool.read(10, 1000).unwrap()), [8]);
        assert_eq!(Spool::open(folder.path().into(), 0).unwrap().next - 1, 8);
    }

    fn cursor(second: i64) -> LogCursor {
        let mut resume = pierhead_engine::log::Resume::new(LogCursor::default());
        let at = Timestamp::from_second(second).unwrap();
        resume.accept(pierhead_engine::log::Output::Stderr, at).unwrap()
    }

    #[test]
    fn each_container_goes_on_where_it_was_read_up_to() {
        let folder = tempfile::tempdir().unwrap();
        let places = |spool: &Spool| ["", "a", "b", "c"].map(|name| spool.read_up_to(name));
        let mut spool = Spool::open(folder.path().into(), 0).unwrap();
        spool.append(&mut lines(["1".into()]), Some(("", cursor(1)))).unwrap();
        spool.append(&mut lines(["2".into()]), Some(("a", cursor(2)))).unwrap();
        spool.append(&mut [], Some(("b", cursor(3)))).unwrap();
        let expected = [Some(cursor(1)), Some(cursor(2)), Some(cursor(3)), None];
        assert_eq!(places(&Spool::open(folder.path().into(), 0).unwrap()), expected);

        // All lines are stored elsewhere, and a new segment has begun.
        spool.stored(9).unwrap();
        spool.append(&mut lines(["10".into()]), Some(("a", cursor(4)))).unwrap();
        let expected = [Some(cursor(1)), Some(cursor(4)), Some(cursor(3)), None];
        assert_eq!(places(&Spool::open(folder.path().into(), 0).unwrap()), expected);
    }

    #[test]
    fn the_place_that_an_earlier_version_kept_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let old = serde_json::to_vec(&cursor(5)).unwrap();
        fs_err::write(folder.path().join("cursor.json"), &old).unwrap();
        let mut spool = Spool::open(folder.path().into(), 0).unwrap();
        assert_eq!(spool.read_up_to(""), Some(cursor(5)));
        let record =
            format!("{{\"read_up_to\":{}}}\n", String::from_utf8(old).unwrap().replace("00:05", "00:06"));
        fs_err::write(segment_path(folder.path(), 1), record).unwrap();
        spool = Spool::open(folder.path().into(), 0).unwrap();
        assert_eq!(spool.read_up_to(""), Some(cursor(6)));
    }

    #[derive(Debug, Clone)]
    enum Act {
        Append(usize),
        Read(usize),
        Store(usize),
        Rewind,
        Reopen,
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let act = prop_oneof![
            (1_usize..40).prop_map(Act::Append),
            (1_usize..60).prop_map(Act::Read),
            (0_usize..30).prop_map(Act::Store),
            Just(Act::Rewind),
            Just(Act::Reopen),
        ];
        proptest::collection::vec(act, 1..40)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// Whatever is appended, read, stored, read again and reopened: a reader that keeps the first of each number
        /// ends with all lines, in order.
        #[test]
        fn nothing_is_lost_or_doubled(acts in acts()) {
            let folder = tempfile::tempdir().unwrap();
            let mut spool = Spool::open(folder.path().into(), 0).unwrap();
            let (mut appended, mut received) = (0_u64, 0_u64);
            let receive = |spool: &mut Spool, count: usize, received: &mut u64| {
                for line in spool.read(count, usize::MAX).unwrap() {
                    assert!(line.number <= *received + 1, "a gap before {}", line.number);
                    assert_eq!(line.text.trim_end_matches('.'), line.number.to_string());
                    *received = (*received).max(line.number);
                }
            };
            for act in acts {
                match act {
                    Act::Append(count) => {
                        let texts = (0..count).map(|i| format!("{}{}", appended + 1 + i as u64, ".".repeat(9000)));
                        spool.append(&mut lines(texts), None).unwrap();
                        appended += count as u64;
                    }
                    Act::Read(count) => receive(&mut spool, count, &mut received),
                    Act::Store(back) => spool.stored(received.saturating_sub(back as u64)).unwrap(),
                    Act::Rewind => spool.rewind(),
                    Act::Reopen => spool = Spool::open(folder.path().into(), 0).unwrap(),
                }
            }
            receive(&mut spool, usize::MAX, &mut received);
            prop_assert_eq!(received, appended);
            prop_assert_eq!(spool.next - 1, appended);
        }
    }
}
