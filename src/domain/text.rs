//! What a text may hold before it becomes a name: one fault type and one table of characters.

/// Why a text is not a valid name. The message says what is expected and repeats no input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// Nothing is left of the text.
    #[error("must not be empty")]
    Empty,
    /// Too few characters.
    #[error("must have at least {min} characters")]
    TooShort {
        /// The least number of characters.
        min: usize,
    },
    /// Too many characters.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The greatest number of characters.
        max: usize,
    },
    /// A character outside the allowed set.
    #[error("may only contain {allowed}")]
    Character {
        /// The allowed set, in words.
        allowed: &'static str,
    },
    /// The form is wrong as a whole.
    #[error("must be {expected}")]
    Form {
        /// The expected form, in words.
        expected: &'static str,
    },
    /// A word that upstream keeps for itself.
    #[error("is a reserved word")]
    Reserved,
}

/// True for characters that can forge, hide or reorder text: controls, line and paragraph
/// separators, bidirectional controls (UAX #9), zero-width and interlinear characters.
pub fn is_unsafe_in_text(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// Checks the number of characters (not bytes).
pub(super) fn check_length(text: &str, min: usize, max: usize) -> Result<(), TextFault> {
    // A character has at most four bytes: refuses the huge without counting them.
    if text.len() > max.saturating_mul(4) {
        return Err(TextFault::TooLong { max });
    }
    let count = text.chars().count();
    if count == 0 {
        return Err(TextFault::Empty);
    }
    if count < min {
        return Err(TextFault::TooShort { min });
    }
    if count > max {
        return Err(TextFault::TooLong { max });
    }
    Ok(())
}
