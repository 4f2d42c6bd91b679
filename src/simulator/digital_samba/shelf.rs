//! Things of one kind that a team keeps, oldest first, and never more than so many.

use super::refusal::Refusal;

/// What lies on a shelf: found by its id.
pub(super) trait Kept {
    fn id(&self) -> &str;
}

/// Up to `MAX` things. Of a full shelf the caller chooses: refuse, or forget the oldest.
pub(super) struct Shelf<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for Shelf<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// What the team starts with.
impl<T, const MAX: usize> FromIterator<T> for Shelf<T, MAX> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Self {
        Self(things.into_iter().take(MAX).collect())
    }
}

impl<T: Kept, const MAX: usize> Shelf<T, MAX> {
    /// For what callers made to stay: a full shelf refuses.
    pub(super) fn add(&mut self, thing: T) -> Result<(), Refusal> {
        if self.0.len() >= MAX {
            return Err(Refusal::Unprocessable("The team has too many of these."));
        }
        self.0.push(thing);
        Ok(())
    }

    /// For what meetings leave behind: of a full shelf the oldest are forgotten.
    pub(super) fn push(&mut self, thing: T) {
        let excess = (self.0.len() + 1).saturating_sub(MAX);
        self.0.drain(..excess);
        self.0.push(thing);
    }

    pub(super) fn get(&self, id: &str) -> Option<&T> {
        self.0.iter().find(|thing| thing.id() == id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.0.iter_mut().find(|thing| thing.id() == id)
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.0.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut()
    }

    pub(super) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        self.0.retain(keep);
    }

    /// Takes one away; whether it was there.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.0.len();
        self.retain(|thing| thing.id() != id);
        self.0.len() < before
    }
}
