//! A body that is gathered while it comes.

use bytes::Bytes;

/// What came so far. Most answers come in one piece, which is not copied.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// The only piece, until there is a second.
    first: Bytes,
    several: Vec<u8>,
}

impl Gathered {
    pub(super) fn push(&mut self, piece: Bytes) {
        if self.len() == 0 {
            self.first = piece;
            return;
        }
        if self.several.is_empty() {
            self.several = std::mem::take(&mut self.first).into();
        }
        self.several.extend_from_slice(&piece);
    }

    pub(super) fn len(&self) -> usize {
        self.first.len() + self.several.len()
    }
}

impl From<Gathered> for Bytes {
    fn from(gathered: Gathered) -> Self {
        if gathered.several.is_empty() {
            gathered.first
        } else {
            Self::from(gathered.several)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_together_in_their_order() {
        for pieces in [
            &[][..],
            &["", "a"],
            &["one piece"],
            &["[1", "", ",2", "]"],
            &["a", ""],
        ] {
            let mut gathered = Gathered::default();
            for piece in pieces {
                gathered.push(Bytes::from_static(piece.as_bytes()));
            }
            let all = pieces.concat();
            assert_eq!(gathered.len(), all.len());
            assert_eq!(Bytes::from(gathered), all);
        }
    }
}
