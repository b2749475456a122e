//! Any bytes read as a backup or are refused. The seal keeps a fuzzer from getting far, so the bytes are also sealed as
//! what a backup would hold, compressed and not.
#![no_main]

use std::io::Write as _;

use backup::archive::{FRAME_BYTES, Header, Reader, Sealer};
use backup::key::BackupKey;
use libfuzzer_sys::fuzz_target;
use persistence::{Millis, Name};

fuzz_target!(|bytes: &[u8]| {
    let key = BackupKey::new([7; 32]);
    read(bytes, &key);
    read(&sealed(bytes, &key), &key);
    // A block of zstd that holds the bytes as they are: magic, a window of 1 MiB, one last raw block.
    let plain = &bytes[..bytes.len().min(2 * FRAME_BYTES)];
    let length = (plain.len() as u32) << 3 | 1;
    let block = [&[0x28, 0xb5, 0x2f, 0xfd, 0, 0x50][..], &length.to_le_bytes()[..3], plain].concat();
    read(&sealed(&block, &key), &key);
});

fn sealed(bytes: &[u8], key: &BackupKey) -> Vec<u8> {
    let header = Header::new(key, Name::new("fuzz").unwrap(), Millis(0)).unwrap();
    let mut sealer = Sealer::new(Vec::new(), key, &header).unwrap();
    sealer.write_all(bytes).unwrap();
    sealer.finish().unwrap()
}

fn read(bytes: &[u8], key: &BackupKey) {
    let Ok(mut reader) = Reader::new(bytes, key) else { return };
    let mut records = 0;
    while let Ok(Some(record)) = reader.next_record() {
        assert_eq!(record.check(), Ok(()));
        records += 1;
    }
    if let Some(footer) = reader.footer() {
        assert_eq!(footer.records(), records);
    }
}
