//! Lists as files: for people, for programs, for spreadsheets, or all three in an archive.
//! Whatever the format, upstream calls them plain text.

use std::io::{Cursor, Write as _};

use serde_json::Value;

use super::body_of;
use crate::simulator::digital_samba::fields::Fields;
use crate::simulator::digital_samba::refusal::{Answer, Refusal};
use crate::simulator::exchange::{Call, Reply};

const LANGUAGES: &[&str] = &["en", "it", "de", "es"];

/// What is exported, as a table and as it is.
pub(super) struct Sheet {
    /// Also the name of the files in an archive.
    pub(super) title: &'static str,
    pub(super) headings: &'static [&'static str],
    pub(super) rows: Vec<Vec<String>>,
    pub(super) items: Vec<Value>,
}

/// What a caller asks for.
pub(super) struct Wish<'c> {
    format: &'c str,
    /// Only what belongs to this session.
    pub(super) session: Option<&'c str>,
}

impl<'c> Wish<'c> {
    /// Of the formats that there are, the first stands for none. Languages are checked, and the
    /// simulator speaks one of them.
    pub(super) fn of(call: &'c Call, formats: &[&str]) -> Result<Self, Refusal> {
        let format = call.query("format").unwrap_or("txt");
        if !formats.contains(&format) {
            return Err(Refusal::field("format", "chosen is invalid"));
        }
        let body = body_of(call)?;
        let mut fields = Fields::of(&body);
        for name in ["locale", "lang"] {
            fields.one_of(name, LANGUAGES);
            if call
                .query(name)
                .is_some_and(|name| !LANGUAGES.contains(&name))
            {
                fields.refuse(name, "chosen is invalid");
            }
        }
        fields.check()?;
        Ok(Self {
            format,
            session: session_of(call)?,
        })
    }

    pub(super) fn wants(&self, session: Option<&str>) -> bool {
        self.session.is_none() || self.session == session
    }

    #[expect(clippy::unnecessary_wraps, reason = "the last word of every export")]
    pub(super) fn answer(&self, sheet: &Sheet) -> Answer {
        let file = match self.format {
            "json" => sheet.json(),
            "csv" => sheet.csv(),
            "zip" => sheet.zip(),
            _ => sheet.text(),
        };
        let kind = match self.format {
            "zip" => "text/plain",
            _ => "text/plain; charset=UTF-8",
        };
        Ok(Reply::new(200, kind, file))
    }
}

/// The filter that many lists have.
pub(super) fn session_of(call: &Call) -> Result<Option<&str>, Refusal> {
    let session = call.query("session_id");
    if session.is_some_and(|id| uuid::Uuid::try_parse(id).is_err()) {
        return Err(Refusal::field("session_id", "field must be a valid UUID"));
    }
    Ok(session)
}

impl Sheet {
    fn text(&self) -> Vec<u8> {
        let rows = self.rows.iter().map(|row| row.join("\t") + "\n");
        rows.collect::<String>().into_bytes()
    }

    fn json(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(&self.items).unwrap_or_default()
    }

    fn csv(&self) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .from_writer(Vec::new());
        let written = writer.write_record(self.headings).and_then(|()| {
            let mut rows = self.rows.iter();
            rows.try_for_each(|row| writer.write_record(row))
        });
        // Into memory: nothing can fail.
        written.map_or_else(|_| Vec::new(), |()| writer.into_inner().unwrap_or_default())
    }

    fn zip(&self) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let stored = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        let files = [
            ("txt", self.text()),
            ("csv", self.csv()),
            ("json", self.json()),
        ];
        for (ending, content) in files {
            let name = format!("{}.{ending}", self.title);
            let begun = archive.start_file(name, stored);
            // Into memory: nothing can fail.
            if begun.is_err() || archive.write_all(&content).is_err() {
                return Vec::new();
            }
        }
        archive.finish().map(Cursor::into_inner).unwrap_or_default()
    }
}
