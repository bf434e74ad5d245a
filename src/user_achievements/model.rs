use chrono::NaiveDateTime;
use deserr::Deserr;
use diesel::dsl::auto_type;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use serde::Serialize;
use utoipa::ToSchema;

use crate::achievements::AchievementRef;
use crate::auth::{Access, Caller, Role, Viewer, role_in_namespace};
use crate::db::AnyConnection;
use crate::error::{Error, Result, Violations};
use crate::input::{Checked, Text};
use crate::mail::AwardMail;
use crate::namespaces::NamespaceRef;
use crate::schema::{achievements, award_mails, namespaces, user_achievements, users};
use crate::tokens::LINK_LIFE;
use crate::users::{Recipient, UserRef};

/// A word to the recipient.
pub type AwardMessage = Checked<Text<0, 200>>;

/// What stands for no priority in the database: it sorts last.
pub const NO_PRIORITY: i32 = i32::MAX;

/// An achievement awarded to a user. Awarding it again makes another one.
#[derive(HasQuery)]
pub struct UserAchievement {
    pub id: i64,
    pub awarded_at: NaiveDateTime,
    pub award_message: String,
    pub accepted_at: Option<NaiveDateTime>,
    pub declined_at: Option<NaiveDateTime>,
    pub revoked_at: Option<NaiveDateTime>,
    pub priority: i32,
    pub show_on_profile: bool,
}

impl UserAchievement {
    /// Where the award stands: decided by the times alone, so that it survives everyone's account.
    pub fn status(&self) -> Status {
        match self {
            Self {
                revoked_at: Some(_),
                ..
            } => Status::Revoked,
            Self {
                accepted_at: Some(_),
                ..
            } => Status::Accepted,
            Self {
                declined_at: Some(_),
                ..
            } => Status::Declined,
            _ => Status::Pending,
        }
    }

    /// Whether it may appear on a profile.
    pub fn is_shown(&self) -> bool {
        self.status() == Status::Accepted && self.show_on_profile
    }

    /// Its place on the profile, 0 first; the ones without come last.
    pub fn priority(&self) -> Option<i32> {
        Some(self.priority).filter(|priority| *priority != NO_PRIORITY)
    }
}

/// Where an award stands.
#[derive(Clone, Copy, Debug, Deserr, Eq, PartialEq, Serialize, ToSchema)]
#[deserr(error = Violations, rename_all = lowercase)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Pending,
    Accepted,
    Declined,
    Revoked,
}

impl Status {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
        }
    }
}

diesel::alias!(users as awarders: Awarders, users as revokers: Revokers);

/// An award as a viewer finds it: with all that it names, and what they may do in its namespace.
pub struct Awarded {
    pub award: UserAchievement,
    pub achievement: AchievementRef,
    pub namespace: NamespaceRef,
    pub recipient: Recipient,
    pub awarded_by: Option<UserRef>,
    pub revoked_by: Option<UserRef>,
    pub mail: Option<AwardMail>,
    pub access: Access,
}

/// The row of [`awarded`]: its last element is the viewer's role in the namespace.
pub type Row = (
    UserAchievement,
    AchievementRef,
    NamespaceRef,
    Recipient,
    Option<UserRef>,
    Option<UserRef>,
    Option<AwardMail>,
    Option<i16>,
);

/// Awards with all that an answer shows of them, in one query.
#[macro_export]
macro_rules! awarded {
    ($viewer:expr) => {
        user_achievements::table
            .inner_join(achievements::table.inner_join(namespaces::table))
            .inner_join(users::table.on(users::id.eq(user_achievements::user_id)))
            .left_join(
                awarders.on(awarders
                    .field(users::id)
                    .nullable()
                    .eq(user_achievements::awarded_by_user_id)),
            )
            .left_join(
                revokers.on(revokers
                    .field(users::id)
                    .nullable()
                    .eq(user_achievements::revoked_by_user_id)),
            )
            .left_join(award_mails::table)
            .select((
                UserAchievement::as_select(),
                AchievementRef::as_select(),
                NamespaceRef::as_select(),
                Recipient::as_select(),
                awarders
                    .fields((users::id, users::username, users::name))
                    .nullable(),
                revokers
                    .fields((users::id, users::username, users::name))
                    .nullable(),
                Option::<AwardMail>::as_select(),
                role_in_namespace($viewer.id()),
            ))
    };
}

impl Awarded {
    pub fn new(row: Row, viewer: &Viewer) -> Self {
        let (award, achievement, namespace, recipient, awarded_by, revoked_by, mail, role) = row;
        let access = viewer.access(namespace.visibility, role);
        Self {
            award,
            achievement,
            namespace,
            recipient,
            awarded_by,
            revoked_by,
            mail,
            access,
        }
    }

    /// The award. Not found where the viewer may not see it.
    pub fn find(id: i64, viewer: &Viewer, conn: &mut AnyConnection) -> Result<Self> {
        let row = awarded!(viewer)
            .filter(user_achievements::id.eq(id))
            .first(conn)?;
        let awarded = Self::new(row, viewer);
        if awarded.visible_to(viewer) {
            Ok(awarded)
        } else {
            Err(Error::NotFound)
        }
    }

    /// The recipient and Maintainers see every award. Others see it where it is accepted and shown:
    /// on an open profile, or among the recipients of an achievement that they can see.
    fn visible_to(&self, viewer: &Viewer) -> bool {
        let listed = self.recipient.achievements_enabled || self.access.can_see();
        self.award_is_of(viewer)
            || self.access.has(Role::Maintainer)
            || self.award.is_shown() && self.recipient.readable_by(viewer) && listed
    }

    fn award_is_of(&self, viewer: &Viewer) -> bool {
        self.recipient.user.id == viewer.id()
    }

    /// Whether the viewer may know what is between the recipient and Maintainers.
    pub fn is_close_to(&self, viewer: &Viewer) -> bool {
        self.award_is_of(viewer) || self.access.has(Role::Maintainer)
    }

    /// Until when the mailed link accepts it: while there is something to accept.
    pub fn accept_link_expires_at(&self) -> Option<NaiveDateTime> {
        let open = matches!(self.award.status(), Status::Pending | Status::Declined);
        (open && self.mail.is_some()).then(|| self.award.awarded_at + LINK_LIFE)
    }

    /// Refuses all but the recipient, administrators too.
    pub fn must_be_of(&self, caller: &Caller) -> Result<()> {
        if self.recipient.user.id == caller.id {
            Ok(())
        } else {
            Err(Error::NotRecipient)
        }
    }
}

/// Whether an award, joined with its recipient, appears in a list of the achievement's recipients:
/// to everyone the accepted and shown ones of open profiles, to a recipient their own, to
/// Maintainers all.
#[auto_type(no_type_alias)]
pub fn seen_among_recipients(maintainer: bool, viewer_id: i64) -> _ {
    let shown = user_achievements::show_on_profile.and(user_achievements::revoked_at.is_null());
    let open = users::private_profile
        .eq(false)
        .and(users::blocked.eq(false));
    shown
        .and(open)
        .or(user_achievements::user_id.eq(viewer_id))
        .or(maintainer.into_sql::<Bool>())
}

/// Whether an award is of that status, or any where it is none.
#[auto_type(no_type_alias)]
pub fn is_of(status: Option<Status>) -> _ {
    let any: bool = status.is_none();
    let accepted: bool = is(status, Status::Accepted);
    let declined: bool = is(status, Status::Declined);
    let revoked: bool = is(status, Status::Revoked);
    let decided = user_achievements::accepted_at.is_not_null().eq(accepted);
    let refused = user_achievements::declined_at.is_not_null().eq(declined);
    let final_ = user_achievements::revoked_at.is_not_null().eq(revoked);
    any.into_sql::<Bool>()
        .or(final_.and(decided.and(refused).or(revoked.into_sql::<Bool>())))
}

fn is(status: Option<Status>, wanted: Status) -> bool {
    status == Some(wanted)
}
