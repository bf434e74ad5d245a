use crate::auth::{Caller, Viewer};
use crate::db::AnyConnection;
use crate::error::{Error, Result};
use crate::feature_flags::require_achievements;
use crate::scopes::Scopes;
use crate::tokens::{Acceptance, Keys};
use crate::user_achievements::{Awarded, Status};

/// A mailed link that is good: it lets whoever holds it act as the recipient of one award.
#[derive(Clone, Copy)]
pub struct AcceptanceLink {
    acceptance: Acceptance,
}

impl AcceptanceLink {
    /// Reads the token of the link. Nobody who is signed in as somebody else may use it.
    pub fn read(token: &str, viewer: &Viewer, keys: &Keys) -> Result<Self> {
        let acceptance = keys.verify_acceptance(token)?;
        if viewer.id() == 0 || viewer.id() == acceptance.user_id {
            Ok(Self { acceptance })
        } else {
            Err(Error::NotFound)
        }
    }

    /// The award, and whom the link stands for. A revoked one is not found.
    pub fn award(&self, conn: &mut AnyConnection) -> Result<(Awarded, Caller)> {
        require_achievements(conn)?;
        let recipient = Caller {
            id: self.acceptance.user_id,
            admin: false,
            scopes: Scopes::ALL,
        };
        let awarded = Awarded::find(
            self.acceptance.user_achievement_id,
            &Viewer::from(&recipient),
            conn,
        )?;
        let unusable = awarded.award.status() == Status::Revoked || awarded.recipient.blocked;
        if unusable || awarded.must_be_of(&recipient).is_err() {
            return Err(Error::NotFound);
        }
        Ok((awarded, recipient))
    }
}
