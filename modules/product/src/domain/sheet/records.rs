//! The records of a file and the lines on which they begin.

use csv::ByteRecord;
use kernel::Detail;

/// The records of a file, each with the line on which it begins.
pub(super) struct Records<'a> {
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    line: u64,
    last_byte: u8,
}

// === impl Records ===

impl<'a> Records<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bytes);
        Self { bytes, reader, line: 1, last_byte: 0 }
    }

    /// Moves the line count over `bytes`. Lines end with LF, CR LF or CR.
    fn count_lines(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\r' || (*byte == b'\n' && self.last_byte != b'\r') {
                self.line += 1;
            }
            self.last_byte = *byte;
        }
    }

    fn place(&self) -> usize {
        usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<(u64, ByteRecord), Detail>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut record = ByteRecord::new();
        let start = self.place();
        let outcome = self.reader.read_byte_record(&mut record);
        let raw = self.bytes.get(start..self.place()).unwrap_or_default();
        let blank = raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (blank, text) = raw.split_at_checked(blank).unwrap_or_default();
        self.count_lines(blank);
        let line = self.line;
        self.count_lines(text);
        match outcome {
            Ok(false) => None,
            Err(error) => Some(Err(Detail::of(format!("line {line}, column 1"), error.to_string()))),
            // In a well-formed record quotes come in pairs; one that is never closed would swallow the lines behind it.
            Ok(true) if text.iter().filter(|byte| **byte == b'"').count() % 2 != 0 => {
                let at = format!("line {line}, column {}", record.len());
                Some(Err(Detail::of(at, "a quote is not closed, or not doubled inside a quoted field")))
            }
            Ok(true) => Some(Ok((line, record))),
        }
    }
}
