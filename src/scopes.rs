//! What a personal access token may be used for.

use deserr::Deserr;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Violations;

/// One use of a token. None includes another.
#[derive(Clone, Copy, Debug, Deserr, Eq, PartialEq, Serialize, ToSchema)]
#[deserr(error = Violations, rename_all = lowercase)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Whatever only looks.
    Read = 1,
    /// Awarding, and what becomes of awards given: message, mail, revoking, deleting.
    Award = 2,
    /// Every other change.
    Manage = 4,
}

impl Scope {
    const ALL: [Self; 3] = [Self::Read, Self::Award, Self::Manage];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Award => "award",
            Self::Manage => "manage",
        }
    }

    /// The inverse of [`Scope::name`].
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// The uses of one token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scopes(u8);

impl Scopes {
    /// What a session may be used for: everything.
    pub const ALL: Self = Self(Scope::Read as u8 | Scope::Award as u8 | Scope::Manage as u8);

    pub fn has(self, scope: Scope) -> bool {
        self.0 & scope as u8 != 0
    }

    /// Whether each of the others is among these.
    pub fn include(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.has(*scope))
    }

    /// As they are kept: words between spaces.
    pub fn words(self) -> String {
        let words: Vec<_> = self.iter().map(Scope::name).collect();
        words.join(" ")
    }

    /// The inverse of [`Scopes::words`].
    pub fn from_words(words: &str) -> Self {
        words.split(' ').filter_map(Scope::named).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope as u8))
    }
}
