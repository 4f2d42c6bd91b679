//! Files with rows that come in: checked as a whole, then read row by row.

use crate::simulator::digital_samba::refusal::Refusal;
use crate::simulator::exchange::Call;

const FILE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// One row of a file, each cell under its heading.
pub(super) struct Row {
    /// As a spreadsheet counts, the headings being the first.
    number: usize,
    cells: Vec<(String, String)>,
}

impl Row {
    /// A cell that is not empty.
    pub(super) fn cell(&self, heading: &str) -> Option<&str> {
        let (_, cell) = self.cells.iter().find(|(of, _)| of == heading)?;
        Some(cell.as_str()).filter(|cell| !cell.is_empty())
    }

    /// The cells under `option1`, `option2` and so on that are not empty.
    pub(super) fn options(&self) -> Vec<&str> {
        let options = self.cells.iter().filter(|(heading, cell)| {
            let number = heading.strip_prefix("option");
            number.is_some_and(|number| number.parse::<u16>().is_ok()) && !cell.is_empty()
        });
        options.map(|(_, cell)| cell.as_str()).collect()
    }

    /// A refusal of what the row says.
    pub(super) fn refused(&self, problem: &str) -> Refusal {
        let problem = problem.trim_end_matches('.');
        Refusal::field(
            "file",
            &format!("is faulty in row {}: {problem}", self.number),
        )
    }

    /// The same, by what was found wrong with the body that the row makes.
    pub(super) fn refused_for(&self, refusal: Refusal) -> Refusal {
        if let Refusal::Invalid(faulty) = &refusal {
            return self.refused(faulty.first());
        }
        refusal
    }
}

/// The rows of the file in a form. Every heading of `required` must be there.
pub(super) fn rows(call: &Call, required: &[&str]) -> Result<Vec<Row>, Refusal> {
    let refused = |problem: &str| Refusal::field("file", problem);
    let file = call
        .upload("file")
        .ok_or_else(|| refused("field is required"))?;
    if file.content.len() > FILE_BYTES_MAX {
        return Err(refused("field must not be greater than 2048 kilobytes"));
    }
    let ending = file.name.rsplit('.').next().map(str::to_ascii_lowercase);
    if !matches!(ending.as_deref(), Some("csv" | "txt")) {
        return Err(refused("field must be a file of type: csv, txt"));
    }
    let text = text_of(&file.content).ok_or_else(|| refused("field must be in UTF-8"))?;
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let headings = reader.headers().cloned().unwrap_or_default();
    if let Some(heading) = required
        .iter()
        .find(|one| headings.iter().all(|of| of != **one))
    {
        return Err(refused(&format!("has no column {heading}")));
    }
    let rows = reader.records().zip(2..).map(|(record, number)| {
        let record = record.map_err(|_cause| refused("is not a table"))?;
        let cells = headings.iter().zip(record.iter());
        let cells = cells.map(|(heading, cell)| (heading.to_owned(), cell.to_owned()));
        Ok(Row {
            number,
            cells: cells.collect(),
        })
    });
    let rows = rows.collect::<Result<Vec<_>, Refusal>>()?;
    if rows.is_empty() {
        return Err(refused("has no rows"));
    }
    Ok(rows)
}

/// UTF-8, or else what older spreadsheets write; the wider encodings are not taken.
fn text_of(content: &[u8]) -> Option<String> {
    let marked = encoding_rs::Encoding::for_bom(content);
    let is_wide = marked.is_some_and(|(encoding, _)| encoding != encoding_rs::UTF_8);
    if is_wide || content.contains(&0) {
        return None;
    }
    let content = content.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(content);
    let text = std::str::from_utf8(content).map(str::to_owned);
    Some(text.unwrap_or_else(|_| encoding_rs::WINDOWS_1252.decode(content).0.into_owned()))
}
