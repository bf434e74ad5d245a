use serde::Serialize;
use serde_with::skip_serializing_none;
use utoipa::ToSchema;

use super::model::{Awarded, Status};
use crate::achievements::AchievementRefView;
use crate::auth::{Role, Viewer};
use crate::config::Config;
use crate::mail::MailStatus;
use crate::time::Timestamp;
use crate::users::UserRefView;

/// An achievement awarded to a user.
#[skip_serializing_none]
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserAchievement)]
pub struct UserAchievementView {
    #[schema(examples(1001))]
    id: i64,
    achievement: AchievementRefView,
    /// The recipient.
    user: UserRefView,
    status: Status,
    /// Whether it appears on the recipient's profile.
    show_on_profile: bool,
    /// Its place on the profile, 0 first; awards without one come last.
    #[schema(minimum = 0, examples(0))]
    priority: Option<i32>,
    #[schema(examples("For the linker that saved the release"))]
    award_message: Option<String>,
    awarded_at: Timestamp,
    /// Left out when the account is gone.
    awarded_by_user: Option<UserRefView>,
    accepted_at: Option<Timestamp>,
    /// For the recipient and Maintainers.
    declined_at: Option<Timestamp>,
    /// Until when the mailed link accepts it; for the recipient and Maintainers.
    accept_link_expires_at: Option<Timestamp>,
    /// What became of the mail about it; for Maintainers.
    mail_status: Option<MailStatus>,
    revoked_at: Option<Timestamp>,
    /// Left out when the account is gone.
    revoked_by_user: Option<UserRefView>,
}

impl UserAchievementView {
    pub fn new(awarded: Awarded, viewer: &Viewer, config: &Config) -> Self {
        let close = awarded.is_close_to(viewer);
        let link = awarded.accept_link_expires_at().filter(|_| close);
        let maintainer = awarded.access.has(Role::Maintainer);
        let Awarded {
            award,
            achievement,
            namespace,
            recipient,
            awarded_by,
            revoked_by,
            mail,
            access,
        } = awarded;
        Self {
            id: award.id,
            status: award.status(),
            show_on_profile: award.show_on_profile,
            priority: award.priority(),
            awarded_at: award.awarded_at.into(),
            accepted_at: award.accepted_at.map(Timestamp::from),
            declined_at: award.declined_at.filter(|_| close).map(Timestamp::from),
            accept_link_expires_at: link.map(Timestamp::from),
            mail_status: mail.filter(|_| maintainer).map(|mail| mail.status()),
            revoked_at: award.revoked_at.map(Timestamp::from),
            award_message: Some(award.award_message).filter(|message| !message.is_empty()),
            achievement: AchievementRefView::new(achievement, namespace, &access, config),
            user: UserRefView::new(recipient.user, config),
            awarded_by_user: awarded_by.map(|user| UserRefView::new(user, config)),
            revoked_by_user: revoked_by.map(|user| UserRefView::new(user, config)),
        }
    }
}
