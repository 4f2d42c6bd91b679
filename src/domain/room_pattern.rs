//! Patterns that room keys are matched against: literals, `{captures}`, and `*` for any rest.
//! Matching is linear in the key and allocates nothing.

use std::fmt;
use std::str::FromStr;

use super::RoomKey;

/// Words of the expression language, which `room.word` could not name.
const RESERVED: [&str; 22] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "false",
    "for",
    "function",
    "if",
    "import",
    "in",
    "key",
    "let",
    "loop",
    "namespace",
    "null",
    "package",
    "return",
    "true",
    "var",
    "void",
    "while",
];

/// A pattern of room keys such as `course-{course}`, `{team}:standup` or `lobby-*`.
///
/// A capture takes one or more characters, as few as possible; `*`, allowed at the end only, takes
/// any rest, also none. Everything else stands for itself.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomPattern {
    /// What every key begins with.
    prefix: Box<str>,
    captures: Box<[Capture]>,
    /// Whether anything may follow.
    open: bool,
}

/// A capture and the literal after it, which is empty at the end of the pattern only.
#[derive(Clone, PartialEq, Eq)]
struct Capture {
    name: Box<str>,
    then: Box<str>,
}

/// Why a text is not a room pattern. The message says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    /// Nothing there.
    #[error("must not be empty; * stands for every room")]
    Empty,
    /// More characters than a pattern can use.
    #[error("must have at most {} characters", RoomPattern::LENGTH_MAX)]
    TooLong,
    /// A character that no room key has.
    #[error("has a character at position {at} that no room key can have")]
    Character {
        /// Counted from 1.
        at: usize,
    },
    /// `*` before the end.
    #[error("has a * at position {at}; it may only stand at the end")]
    InnerStar {
        /// Counted from 1.
        at: usize,
    },
    /// A brace without its partner.
    #[error("has a brace at position {at} without its partner; write {{name}}")]
    Brace {
        /// Counted from 1.
        at: usize,
    },
    /// A capture's name is not an identifier.
    #[error(
        "has a capture at position {at} that is not named by 1 to {} of a-z 0-9 _, a letter first, and no reserved word",
        RoomPattern::NAME_LENGTH_MAX
    )]
    Name {
        /// Counted from 1.
        at: usize,
    },
    /// Two captures of one name.
    #[error("names the capture {name} twice")]
    Twice {
        /// The name.
        name: Box<str>,
    },
    /// Two captures, or a capture and `*`, with nothing between to tell them apart.
    #[error("needs a literal before position {at}, or where the capture ends is anybody's guess")]
    Adjacent {
        /// Counted from 1.
        at: usize,
    },
    /// Too many captures.
    #[error("has more than {} captures", RoomPattern::CAPTURES_MAX)]
    TooManyCaptures,
}

impl RoomPattern {
    /// The most characters of a pattern.
    pub const LENGTH_MAX: usize = 256;
    /// The most captures: a match keeps them in place, without allocating.
    pub const CAPTURES_MAX: usize = 8;
    /// The most characters of a capture's name.
    pub const NAME_LENGTH_MAX: usize = 32;

    /// Parses a pattern.
    ///
    /// # Errors
    /// [`PatternFault`] for a pattern that could match in two ways, or never.
    pub fn parse(text: &str) -> Result<Self, PatternFault> {
        if text.is_empty() {
            return Err(PatternFault::Empty);
        }
        if text.len() > Self::LENGTH_MAX {
            return Err(PatternFault::TooLong);
        }
        let mut parsing = Parsing::default();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let at = text.len() - rest.len() + 1;
            rest = match next {
                '*' if rest.len() > 1 => return Err(PatternFault::InnerStar { at }),
                '*' => parsing.star(at)?,
                '{' => parsing.capture(rest, at)?,
                '}' => return Err(PatternFault::Brace { at }),
                other => {
                    if !may_stand_in_a_key(other) {
                        return Err(PatternFault::Character { at });
                    }
                    parsing.literal().push(other);
                    rest.get(1..).unwrap_or_default()
                }
            };
        }
        Ok(parsing.finish())
    }

    /// The pattern of every key, `*`.
    pub fn any() -> Self {
        Self {
            prefix: Box::default(),
            captures: Box::default(),
            open: true,
        }
    }

    /// The names of the captures, in order.
    pub fn capture_names(&self) -> impl Iterator<Item = &str> {
        self.captures.iter().map(|capture| &*capture.name)
    }

    /// Captures as if each had taken this value, to try out what reads them.
    pub fn sample_captures<'a>(&'a self, value: &'a str) -> Captures<'a> {
        let mut captures = Captures::default();
        for name in self.capture_names() {
            captures.push(name, value);
        }
        captures
    }

    /// What the captures take of this key, if the whole key matches.
    pub fn matches<'a>(&'a self, key: &'a RoomKey) -> Option<Captures<'a>> {
        let mut found = Captures::default();
        let mut rest = key.as_str().strip_prefix(&*self.prefix)?;
        for (index, capture) in self.captures.iter().enumerate() {
            let last = index + 1 == self.captures.len();
            // The last literal of a closed pattern stands at the key's end; any other where it
            // comes first, which leaves most to what follows, so nothing is ever tried twice.
            let (value, after) = if last && !self.open {
                (rest.strip_suffix(&*capture.then)?, "")
            } else {
                let end = rest.get(1..)?.find(&*capture.then)? + 1;
                (rest.get(..end)?, rest.get(end + capture.then.len()..)?)
            };
            if value.is_empty() {
                return None;
            }
            found.push(&capture.name, value);
            rest = after;
        }
        (self.open || rest.is_empty()).then_some(found)
    }

    /// True only if every key that `other` matches is matched by this one too. May be false where
    /// that is so but not obvious.
    pub fn covers(&self, other: &Self) -> bool {
        if self.open && self.captures.is_empty() {
            return other.prefix.starts_with(&*self.prefix);
        }
        let thens = |pattern: &Self| -> Vec<Box<str>> {
            pattern.captures.iter().map(|c| c.then.clone()).collect()
        };
        self.prefix == other.prefix && thens(self) == thens(other) && self.open >= other.open
    }
}

/// A pattern under construction.
#[derive(Default)]
struct Parsing {
    prefix: String,
    captures: Vec<(Box<str>, String)>,
    open: bool,
}

impl Parsing {
    /// The literal that grows at the end.
    fn literal(&mut self) -> &mut String {
        match self.captures.last_mut() {
            Some((_, then)) => then,
            None => &mut self.prefix,
        }
    }

    fn refuse_adjacent(&self, at: usize) -> Result<(), PatternFault> {
        match self.captures.last() {
            Some((_, then)) if then.is_empty() => Err(PatternFault::Adjacent { at }),
            Some(_) | None => Ok(()),
        }
    }

    fn star<'t>(&mut self, at: usize) -> Result<&'t str, PatternFault> {
        self.refuse_adjacent(at)?;
        self.open = true;
        Ok("")
    }

    /// Takes `{name}` from the front of `rest`; what follows is the result.
    fn capture<'t>(&mut self, rest: &'t str, at: usize) -> Result<&'t str, PatternFault> {
        self.refuse_adjacent(at)?;
        let (name, after) = rest
            .strip_prefix('{')
            .and_then(|inner| inner.split_once('}'))
            .ok_or(PatternFault::Brace { at })?;
        let fits = name.len() <= RoomPattern::NAME_LENGTH_MAX
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if !fits || RESERVED.contains(&name) {
            return Err(PatternFault::Name { at });
        }
        if self.captures.iter().any(|(other, _)| **other == *name) {
            return Err(PatternFault::Twice {
                name: Box::from(name),
            });
        }
        if self.captures.len() == RoomPattern::CAPTURES_MAX {
            return Err(PatternFault::TooManyCaptures);
        }
        self.captures.push((Box::from(name), String::new()));
        Ok(after)
    }

    fn finish(self) -> RoomPattern {
        let captures = self.captures.into_iter().map(|(name, then)| Capture {
            name,
            then: then.into_boxed_str(),
        });
        RoomPattern {
            prefix: self.prefix.into_boxed_str(),
            captures: captures.collect(),
            open: self.open,
        }
    }
}

/// Asks the room key itself, so that the two cannot drift apart. A lone `.` is no key, but may
/// stand in one.
fn may_stand_in_a_key(c: char) -> bool {
    c == '.' || RoomKey::parse(c.encode_utf8(&mut [0; 4])).is_ok()
}

impl FromStr for RoomPattern {
    type Err = PatternFault;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for RoomPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix)?;
        for capture in &self.captures {
            write!(f, "{{{}}}{}", capture.name, capture.then)?;
        }
        if self.open { f.write_str("*") } else { Ok(()) }
    }
}

impl fmt::Debug for RoomPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// What a pattern's captures took of one room key: names and values, in order.
#[derive(Clone, Copy, Default)]
pub struct Captures<'a> {
    taken: [(&'a str, &'a str); RoomPattern::CAPTURES_MAX],
    count: usize,
}

impl<'a> Captures<'a> {
    fn push(&mut self, name: &'a str, value: &'a str) {
        if let Some(slot) = self.taken.get_mut(self.count) {
            *slot = (name, value);
            self.count += 1;
        }
    }

    /// Name and value of each capture, in the pattern's order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a, '_> {
        self.taken.iter().take(self.count).copied()
    }

    /// The value of one capture.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.iter()
            .find_map(|(other, value)| (other == name).then_some(value))
    }
}

impl fmt::Debug for Captures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests;
