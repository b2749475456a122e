//! Reads a backup, record by record. Must never panic on any bytes, nor ask for memory for a length that is only stated,
//! nor say that a backup was read whose end it did not see.

use std::io::{BufReader, Read};

use persistence::{Key, Record};
use zstd::stream::read::Decoder;

use super::tally::Tally;
use super::{ArchiveError, FOOTER, FOOTER_BYTES_MAX, Footer, Header, Opener, RECORD_BYTES_MAX, kind_of};
use crate::key::BackupKey;

/// Largest window a compressed block may ask for: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// Reads a backup.
pub struct Reader<R: Read> {
    header: Header,
    from: Decoder<'static, BufReader<Opener<R>>>,
    tally: Tally,
    before: Option<Key>,
    footer: Option<Footer>,
}

impl<R: Read> Reader<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn new(mut from: R, key: &BackupKey) -> Result<Self, ArchiveError> {
        let header = Header::read(&mut from)?;
        let opener = Opener::new(from, key, &header)?;
        let mut from = Decoder::new(opener).map_err(ArchiveError::reading)?.single_frame();
        from.window_log_max(WINDOW_LOG_MAX).map_err(ArchiveError::reading)?;
        Ok(Self { header, from, tally: Tally::default(), before: None, footer: None })
    }

    /// What it says in the open.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The next record. After the last one nothing, and then the end was seen and all counts and hashes are equal.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn next_record(&mut self) -> Result<Option<Record>, ArchiveError> {
        if self.footer.is_some() {
            return Ok(None);
        }
        let mut head = [0; 5];
        self.from.read_exact(&mut head).map_err(ArchiveError::reading)?;
        let [number, length @ ..] = head;
        let length = u64::from(u32::from_le_bytes(length));
        if number == FOOTER {
            self.footer = Some(self.end(length)?);
            return Ok(None);
        }
        let kind = kind_of(number).filter(|kind| self.header.kinds.contains(kind));
        let kind = kind.ok_or_else(|| ArchiveError::damaged("it has a kind of records that it should not have"))?;
        let bytes = self.take(length, RECORD_BYTES_MAX)?;
        self.tally.bytes(&head);
        self.tally.bytes(&bytes);
        let (record, rest) = postcard::take_from_bytes::<Record>(&bytes)
            .map_err(|_| ArchiveError::damaged(format!("a record of the kind {} does not decode", kind.name())))?;
        let key = record.key();
        if !rest.is_empty() || key.kind() != kind || record.check().is_err() {
            return Err(ArchiveError::damaged(format!("a record of the kind {} breaks a rule", kind.name())));
        }
        if self.before.as_ref().is_some_and(|before| *before >= key) {
            return Err(ArchiveError::damaged("its records are out of order"));
        }
        self.before = Some(key);
        self.tally.record(&record);
        Ok(Some(record))
    }

    /// The footer, once all records were read.
    pub const fn footer(&self) -> Option<&Footer> {
        self.footer.as_ref()
    }

    /// Reads to the end: the footer.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn finish(mut self) -> Result<Footer, ArchiveError> {
        loop {
            self.next_record()?;
            if let Some(footer) = self.footer {
                return Ok(footer);
            }
        }
    }

    fn end(&mut self, length: u64) -> Result<Footer, ArchiveError> {
        let bytes = self.take(length, FOOTER_BYTES_MAX)?;
        let counted = self.tally.footer();
        // Compared as bytes: a footer has one form only.
        if postcard::to_stdvec(&counted).ok() != Some(bytes) {
            return Err(ArchiveError::damaged("its records are not those that its footer counts"));
        }
        // The compressed stream has to end here, and so has the file, which the last frame sees to.
        let mut rest = [0];
        let more = self.from.read(&mut rest).map_err(ArchiveError::reading)?;
        let below = self.from.get_mut().read(&mut rest).map_err(ArchiveError::reading)?;
        if more + below != 0 {
            return Err(ArchiveError::damaged("something follows its footer"));
        }
        Ok(counted)
    }

    /// So many bytes. The memory grows as they come.
    fn take(&mut self, length: u64, most: u64) -> Result<Vec<u8>, ArchiveError> {
        if length > most {
            return Err(ArchiveError::damaged("it states a length that nothing has"));
        }
        let mut bytes = Vec::new();
        (&mut self.from).take(length).read_to_end(&mut bytes).map_err(ArchiveError::reading)?;
        if bytes.len() as u64 == length { Ok(bytes) } else { Err(ArchiveError::damaged("it ends in a record")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Sealer, Writer, kinds};
    use persistence::{Kind, Millis, Name};
    use persistence_testkit::records;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn key() -> BackupKey {
        BackupKey::new([5; 32])
    }

    fn header() -> Header {
        Header::new(&key(), Name::new("main").unwrap(), Millis(1_700_000_000_000)).unwrap()
    }

    fn written(records: &[Record]) -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), &key(), header()).unwrap();
        records.iter().for_each(|record| writer.push(record).unwrap());
        writer.finish().unwrap().1
    }

    fn read(file: &[u8]) -> Result<(Vec<Record>, Footer), ArchiveError> {
        let mut reader = Reader::new(file, &key())?;
        let mut records = Vec::new();
        while let Some(record) = reader.next_record()? {
            records.push(record);
        }
        Ok((records, reader.finish()?))
    }

    fn sample() -> Vec<Record> {
        let mut all = records::one_of_each();
        all.retain(|record| !Kind::OF_KEYS.contains(&record.kind()));
        all.insert(6, Record::World(records::world("w")));
        all.sort_by_key(Record::key);
        all
    }

    #[test]
    fn records_come_back_and_are_counted() {
        let all = sample();
        let (found, footer) = read(&written(&all)).unwrap();
        assert_eq!(found, all);
        assert_eq!(footer.records(), 14);
        assert_eq!(footer.counts.iter().find(|(kind, _)| *kind == Kind::World).unwrap().1, 2);
        let ends: Vec<_> = footer.worlds.iter().map(|end| end.last.map(|(tick, _)| tick.0)).collect();
        assert_eq!(ends, [Some(135), None]);
        assert_eq!(read(&written(&[])).unwrap().0, []);
    }

    #[test]
    fn keys_of_people_are_never_in_a_backup() {
        assert_eq!(kinds().len(), Kind::ALL.len() - 2);
        for record in records::one_of_each().iter().filter(|record| Kind::OF_KEYS.contains(&record.kind())) {
            let mut writer = Writer::new(Vec::new(), &key(), header()).unwrap();
            assert!(matches!(writer.push(record), Err(ArchiveError::Unfit(_))));
        }
    }

    #[test]
    fn a_flipped_byte_anywhere_and_any_cut_is_found() {
        let sound = written(&sample());
        for at in 0..sound.len() {
            let mut file = sound.clone();
            file[at] ^= 0x10;
            assert!(read(&file).is_err(), "byte {at}");
        }
        for length in 0..sound.len() {
            assert!(read(&sound[..length]).is_err(), "{length} bytes");
        }
        assert!(read(&[&sound[..], &[0]].concat()).is_err());
    }

    /// A record that changes needs a new version of the format, as old backups have to be read.
    #[test]
    fn records_are_those_of_this_format_version() {
        let bytes: Vec<u8> = sample().iter().flat_map(|record| postcard::to_stdvec(record).unwrap()).collect();
        let hash = blake3::hash(&bytes).to_hex();
        assert_eq!((super::super::FORMAT_VERSION, &hash[..16]), (1, "ba714ddbf07f0d78"));
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), &key(), &header()).unwrap();
        sealer.write_all(plain).unwrap();
        sealer.finish().unwrap()
    }

    /// What a stream of entries packs to.
    fn packed(entries: &[u8]) -> Vec<u8> {
        sealed(&zstd::encode_all(entries, 1).unwrap())
    }

    #[test]
    fn a_stated_length_is_not_believed() {
        for kind in [0, 8, FOOTER] {
            assert!(read(&packed(&[kind, 255, 255, 255, 255, 0])).is_err());
            assert!(read(&packed(&[kind, 0, 0, 0, 60, 0])).is_err(), "some 1 GB are stated, one byte is there");
        }
        assert!(read(&packed(&[13, 1, 0, 0, 0, 0])).is_err(), "a key of a person");
        assert!(read(&packed(&[])).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_records_come_back(mut all in proptest::collection::vec(records::any_record(), 0..40)) {
            all.retain(|record| !Kind::OF_KEYS.contains(&record.kind()));
            all.sort_by_key(Record::key);
            all.dedup_by_key(|record| record.key());
            prop_assert_eq!(read(&written(&all)).unwrap().0, all);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0..400_usize) {
            prop_assert!(read(&bytes).is_err());
            prop_assert!(read(&sealed(&bytes)).is_err());
            prop_assert!(read(&packed(&bytes)).is_err());
            let sound = written(&sample());
            let mut patched = sound.clone();
            let at = at % sound.len();
            let end = (at + bytes.len()).min(sound.len());
            patched[at..end].copy_from_slice(&bytes[..end - at]);
            prop_assert!(patched == sound || read(&patched).is_err());
        }
    }
}
